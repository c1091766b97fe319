"""Whether the derivation of a manifest is one that can be built here, before anything is."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Release
from flakeship.nix import store
from flakeship.nix.store import NIX
from flakeship.system.process import run

ANYWHERE = "builtin"  # the system of what Nix does itself


def check(release: Release, attribute: str) -> str:
    """What a person should know of it, empty for nothing; `attribute` names the manifest in errors.

    Raises FlakeshipError where the derivation does not make the output of its manifest, and where
    nothing builds for its system: no builder has it, and it is in no store that Nix may ask.
    """
    derivation = _derivation(release, attribute)
    made = derivation.get("env", {}).get("out", "") if "out" in derivation["outputs"] else ""
    if made != release.out:
        raise FlakeshipError(
            "`out` must be the output of `drv` (docs/reference/manifest.md)",
            code="manifest-invalid",
            key=attribute,
            given=release.out,
            allowed=str(made),
            remedy="take both from one derivation: its drvPath and its outPath",
        )
    system, features = str(derivation.get("system")), _features(derivation)
    here = system == f"{platform.machine()}-linux" and not features
    if here or system == ANYWHERE or Path(release.out).exists():
        return ""
    config = _configuration()
    if config is None or any(each.builds(system, features) for each in config.builders):
        return ""
    needed = " with ".join(filter(None, (system, ", ".join(sorted(features)))))
    if config.substituters:
        return (
            f"{attribute} is built on {needed}, and no builder here is that: it must come from "
            f"{', '.join(config.substituters)}"
        )
    raise FlakeshipError(
        "no builder is what it has to be built on",
        code="builder-missing",
        key=attribute,
        given=needed,
        allowed="; ".join(map(str, config.builders)),
        remedy="name one in Nix' setting `builders`; or add the system to `extra-platforms`, where "
        "this machine emulates it (binfmt), and a feature that it has to `system-features`",
    )


@dataclass(frozen=True)
class Builder:
    """A machine that builds: what it may be asked for, and what every build there must need."""

    systems: frozenset[str]
    features: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()

    def builds(self, system: str, features: frozenset[str]) -> bool:
        """Whether Nix would send it a derivation of this system that needs these features."""
        return system in self.systems and self.mandatory <= features <= self.features

    def __str__(self) -> str:
        with_ = f" with {', '.join(sorted(self.features))}" if self.features else ""
        return f"{', '.join(sorted(self.systems))}{with_}"


@dataclass(frozen=True)
class Configuration:
    """What of Nix' settings decides where something is built, or fetched from."""

    builders: tuple[Builder, ...]
    substituters: tuple[str, ...]


def _configuration() -> Configuration | None:
    """None where Nix does not show it, so that only a build can tell."""
    shown = run([*NIX, "config", "show", "--json"], check=False)
    if shown.code != 0:
        return None
    values = {name: each["value"] for name, each in json.loads(shown.stdout).items()}
    system = values["system"]
    own = Builder(
        frozenset([system, *values["extra-platforms"]]), frozenset(values["system-features"])
    )
    local = [] if values.get("max-jobs") == 0 else [own]
    substituters = values["substituters"] if values.get("substitute", True) else []
    return Configuration((*local, *_remote(values["builders"], system)), tuple(substituters))


def _remote(builders: str, default: str) -> Iterator[Builder]:
    """Machines as nix.conf(5) has them, by line or semicolon, or in `@file`.

    A machine is `uri systems key jobs speed features mandatory-features`; `-` is a default.
    """
    for entry in builders.replace(";", "\n").splitlines():
        words = entry.partition("#")[0].split()
        if words and words[0].startswith("@"):
            try:
                yield from _remote(Path(words[0][1:]).read_text(), default)
            except (OSError, UnicodeDecodeError):
                continue
        elif words:
            given = [frozenset() if word == "-" else frozenset(word.split(",")) for word in words]
            _, systems, _, _, _, features, mandatory = (*given, *[frozenset[str]()] * 6)[:7]
            yield Builder(systems or frozenset([default]), features | mandatory, mandatory)


def _features(derivation: dict[str, Any]) -> frozenset[str]:
    """What a builder must have for it: a text or, with structured attributes, a list."""
    structured = derivation.get("structuredAttrs") or derivation["env"].get("__json", "{}")
    attributes = json.loads(structured) if isinstance(structured, str) else structured
    found = {**derivation["env"], **attributes}.get("requiredSystemFeatures", "")
    return frozenset(found.split() if isinstance(found, str) else map(str, found))


def _derivation(release: Release, attribute: str) -> dict[str, Any]:
    try:
        if release.drv.endswith(".drv"):  # of an output, Nix shows what made it
            return store.derivation(release.drv)
    except CommandError as error:
        if error.exit_code is None:
            raise
    raise FlakeshipError(
        "there is no such derivation as `drv` (docs/reference/manifest.md)",
        code="manifest-invalid",
        key=attribute,
        given=release.drv,
        remedy="take it from the image's drvPath: then Nix has it as soon as it has evaluated",
    )
