"""Derivations and what they are made of, as `nix derivation show --recursive` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.nix.store import NIX
from flakeship.system.process import run

STORE_PATH = re.compile(r"/nix/store/([0-9a-z]{32}-[0-9A-Za-z+._?=-]+)")
"""A store path in a text; its group is the base name, by which everything here is known."""


@dataclass(frozen=True, eq=False)
class Derivation:
    """One derivation. `outputs` are base names by the output's name, `sources` base names.

    An output whose path is known only once it is built is not among them. Only the same object is
    equal: what two systems share is in a graph once.
    """

    name: str
    outputs: Mapping[str, str]
    sources: frozenset[str]
    env: Mapping[str, str]
    structured: Mapping[str, Any] | None
    fixed: bool

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """What the builder gets: the structured attributes where there are any, or texts."""
        if self.structured is not None:
            return self.structured
        if "__json" in self.env:
            found: Mapping[str, Any] = json.loads(self.env["__json"])
            return found
        return self.env

    @property
    def package(self) -> tuple[str, str] | None:
        """Name and version, where it says both of itself, as nixpkgs' packages do."""
        name, version = self.attributes.get("pname"), self.attributes.get("version")
        return (str(name), str(version)) if name and version else None

    def text(self, name: str) -> str:
        """An attribute as one text; empty where there is none."""
        return " ".join(texts(self.attributes.get(name, "")))

    def named(self, which: Callable[[str], bool]) -> Iterator[str]:
        """The base names of the store paths in those attributes whose names `which` accepts."""
        for key, value in self.attributes.items():
            if which(key):
                for text in texts(value):
                    yield from STORE_PATH.findall(text)


def texts(value: object) -> Iterator[str]:
    """All texts in an attribute."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from texts(each)
        case dict():
            for each in value.values():
                yield from texts(each)


class Graph:
    """Derivations by the base names of their outputs.

    `references` is what `runtime` has found of each: it is asked many times.
    """

    def __init__(
        self, derivations: Mapping[str, Derivation], needs: Mapping[str, list[str]]
    ) -> None:
        self._all, self._needs = derivations, needs
        self.references: dict[Derivation, list[Derivation]] = {}
        self._makers = {
            path: each for each in derivations.values() for path in each.outputs.values()
        }

    def maker(self, path: str) -> Derivation | None:
        """What makes an output; None for a source, and for what is not in this graph."""
        return self._makers.get(path)

    def maker_at(self, text: str) -> Derivation | None:
        """What makes the output that a path or command begins with; None likewise."""
        found = STORE_PATH.match(text)
        return self.maker(found[1]) if found else None

    def below(self, drv: str) -> list[Derivation]:
        """A derivation, by its base name, with all that it needs to be built."""
        seen, todo = {drv}, [drv]
        while todo:
            new = [each for each in self._needs[todo.pop()] if each not in seen]
            seen.update(new)
            todo += new
        return [self._all[each] for each in seen]


def read(shown: str) -> Graph:
    """The graph that Nix has printed, in any of its formats.

    Since Nix 2.32 all store paths are base names; since format 4 the derivations are a key beside
    the format's version, and their inputs are one object. Raises FlakeshipError where it is
    something else.
    """
    told = json.loads(shown)
    try:
        all_ = told.get("derivations", told).items()
        return Graph(
            {base(path): derivation(value) for path, value in all_},
            {base(path): [base(each) for each in inputs(value)] for path, value in all_},
        )
    except (KeyError, TypeError, AttributeError) as error:
        version = told.get("version", "") if isinstance(told, dict) else ""
        raise FlakeshipError(
            f"this Nix prints derivations in a format {version} that is not understood: {error!r}"
        ) from error


def show(drvs: Iterable[str]) -> Graph:
    """Ask Nix for derivations with all that they need: what they share is printed once."""
    return read(run([*NIX, "derivation", "show", "--recursive", *drvs]).stdout)


def derivation(value: Mapping[str, Any]) -> Derivation:
    """One derivation of either form."""
    env, made = value["env"], value["outputs"]
    paths = {name: each.get("path") or env.get(name, "") for name, each in made.items()}
    sources = value["inputs"]["srcs"] if "inputs" in value else value["inputSrcs"]
    return Derivation(
        name=value["name"],
        outputs={name: base(path) for name, path in paths.items() if "-" in base(path)},
        sources=frozenset(map(base, sources)),
        env=env,
        structured=value.get("structuredAttrs"),
        fixed=any(each.get("hash") for each in made.values()),
    )


def inputs(value: Mapping[str, Any]) -> Iterable[str]:
    """The derivations that one of either form needs."""
    found: Mapping[str, Any] = value["inputs"]["drvs"] if "inputs" in value else value["inputDrvs"]
    return found


def base(path: str) -> str:
    """A store path, or a base name already, as a base name."""
    return path.rpartition("/")[2]
