"""Whether the derivation of a manifest is one that can be built here, before anything is."""

from __future__ import annotations

import json
import platform
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
    system = str(derivation.get("system"))
    if system in {f"{platform.machine()}-linux", ANYWHERE} or Path(release.out).exists():
        return ""
    config = _configuration()
    if config is None or system in config.systems:
        return ""
    if config.substituters:
        return (
            f"{attribute} is built on {system}, and no builder here has it: it must come from "
            f"{', '.join(config.substituters)}"
        )
    raise FlakeshipError(
        "no builder has the system that it is built on",
        code="builder-missing",
        key=attribute,
        given=system,
        allowed=", ".join(config.systems),
        remedy=f"name one for {system} in Nix' setting `builders`, or let this machine emulate it "
        "(binfmt) and add it to `extra-platforms`",
    )


@dataclass(frozen=True)
class Configuration:
    """What of Nix' settings decides where something is built, or fetched from."""

    systems: tuple[str, ...]
    substituters: tuple[str, ...]


def _configuration() -> Configuration | None:
    """None where Nix does not show it, so that only a build can tell."""
    shown = run([*NIX, "config", "show", "--json"], check=False)
    if shown.code != 0:
        return None
    values = {name: each["value"] for name, each in json.loads(shown.stdout).items()}
    here = [values["system"], *values["extra-platforms"]]
    systems = [*here, *_remote_systems(values["builders"], here[0])]
    substituters = values["substituters"] if values.get("substitute", True) else []
    return Configuration(tuple(dict.fromkeys(systems)), tuple(substituters))


def _remote_systems(builders: str, default: str) -> list[str]:
    """Of machines as nix.conf(5) has them: `uri systems …`, by line or semicolon; or `@file`."""
    found = []
    for entry in builders.replace(";", "\n").splitlines():
        words = entry.partition("#")[0].split()
        if words and words[0].startswith("@"):
            try:
                found += _remote_systems(Path(words[0][1:]).read_text(), default)
            except (OSError, UnicodeDecodeError):
                continue
        elif words:
            systems = words[1] if len(words) > 1 and words[1] != "-" else default
            found += systems.split(",")
    return found


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
