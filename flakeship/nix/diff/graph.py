"""Derivations and their inputs, as `nix derivation show --recursive` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.nix.store import NIX
from flakeship.system.process import run

MOST = 256 * MIB  # of JSON; a NixOS system's graph has 13
STORE_PATH = re.compile(r"/nix/store/([0-9a-z]{32}-[0-9A-Za-z+._?=-]+)")
"""A store path in a text; its group is the base name, which identifies a path in this package."""


@dataclass(frozen=True, eq=False)
class Derivation:
    """One derivation, compared by identity: one that two systems share is in a graph once."""

    name: str
    outputs: Mapping[str, str]  # base names by name; none that only the build tells
    sources: frozenset[str]  # base names
    env: Mapping[str, str]
    structured: Mapping[str, Any] | None
    fixed_output: bool

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """What the builder gets: the structured attributes where there are any, else strings."""
        if self.structured is not None:
            return self.structured
        found: Mapping[str, Any] = (
            json.loads(self.env["__json"]) if "__json" in self.env else self.env
        )
        return found

    @property
    def package(self) -> tuple[str, str] | None:
        """Name and version, where it has both attributes, as nixpkgs' packages do."""
        name, version = self.attributes.get("pname"), self.attributes.get("version")
        return (str(name), str(version)) if name and version else None

    def text(self, name: str) -> str:
        """An attribute as one string; empty where there is none."""
        return " ".join(_strings(self.attributes.get(name, "")))

    def store_paths(self, accept: Callable[[str], bool]) -> Iterator[str]:
        """The base names of the store paths in those attributes whose names `accept` accepts."""
        for key, value in self.attributes.items():
            if accept(key):
                for text in _strings(value):
                    yield from STORE_PATH.findall(text)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


class Graph:
    """Derivations by the base names of their outputs."""

    def __init__(
        self, derivations: Mapping[str, Derivation], inputs: Mapping[str, list[str]]
    ) -> None:
        self._derivations, self._inputs = derivations, inputs
        self.references: dict[Derivation, list[Derivation]] = {}  # the cache of `runtime`
        self._derivers = {
            path: made for made in derivations.values() for path in made.outputs.values()
        }

    def deriver(self, path: str) -> Derivation | None:
        """The derivation of an output; None for a source and for a path outside the graph."""
        return self._derivers.get(path)

    def deriver_at(self, text: str) -> Derivation | None:
        """The derivation of the output that a path or a command begins with; None likewise."""
        found = STORE_PATH.match(text)
        return self.deriver(found[1]) if found else None

    def build_closure(self, drv: str) -> list[Derivation]:
        """A derivation, by its base name, and everything that its build needs."""
        seen, todo = {drv}, [drv]
        while todo:
            new = [name for name in self._inputs[todo.pop()] if name not in seen]
            seen.update(new)
            todo += new
        return [self._derivations[name] for name in seen]


def load(drvs: Iterable[str]) -> Graph:
    """Ask Nix for derivations and all of their inputs; what they share is printed once."""
    return parse(run([*NIX, "derivation", "show", "--recursive", *drvs], most=MOST).stdout)


def parse(shown: str) -> Graph:
    """The graph that Nix printed, in any of its formats.

    Since Nix 2.32 store paths are base names; since format 4 the derivations are a key beside the
    format's version, and their inputs are one object. Raises FlakeshipError for anything else.
    """
    printed = json.loads(shown)
    derivations, inputs = {}, {}
    try:
        for path, value in printed.get("derivations", printed).items():
            both = value.get("inputs") or {"drvs": value["inputDrvs"], "srcs": value["inputSrcs"]}
            derivations[base_name(path)] = _derivation(value, both["srcs"])
            inputs[base_name(path)] = [*map(base_name, both["drvs"])]
    except (KeyError, TypeError, AttributeError) as error:
        version = printed.get("version", "") if isinstance(printed, dict) else ""
        raise FlakeshipError(
            f"`nix derivation show` printed an unknown format {version}: {error!r}",
            code="nix-format-unknown",
        ) from error
    return Graph(derivations, inputs)


def _derivation(value: Mapping[str, Any], sources: Iterable[str]) -> Derivation:
    env, outputs = value["env"], value["outputs"]
    paths = {name: output.get("path") or env.get(name, "") for name, output in outputs.items()}
    return Derivation(
        name=value["name"],
        outputs={name: base_name(path) for name, path in paths.items() if "-" in base_name(path)},
        sources=frozenset(map(base_name, sources)),
        env=env,
        structured=value.get("structuredAttrs"),
        fixed_output=any(output.get("hash") for output in outputs.values()),
    )


def base_name(path: str) -> str:
    """The base name of a store path, or of a base name."""
    return path.rpartition("/")[2]
