"""What a release was evaluated from: the flake and its inputs, as Nix has locked them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

SELF = "self"
"""The name of the flake itself, which is Nix' own word for it."""

NAME = r"^[!-~][ -~]{0,254}$"
REFERENCE = r"^[ -~]{0,2000}$"
NAR_HASH = r"^(sha256-[0-9A-Za-z+/]{43}=)?$"
COMMIT = r"^([0-9a-f]{40}|[0-9a-f]{64})?$"


@dataclass(frozen=True)
class LockedInput:
    """One input of a flake by its name in flake.lock, or the flake itself as `self`.

    `reference` is a flake reference without credentials: of its parameters it has `rev`, `ref`,
    `dir`, `host` and `narHash` alone. It is empty for what is on the workstation. That of the flake
    itself is as the settings have it, but for the same. `nar_hash` is the SHA-256 of its files as
    Nix writes it (SRI), and `revision` its git commit. What Nix does not tell is empty.
    """

    name: Annotated[str, Field(pattern=NAME)]
    reference: Annotated[str, Field(pattern=REFERENCE)] = ""
    nar_hash: Annotated[str, Field(pattern=NAR_HASH)] = ""
    revision: Annotated[str, Field(pattern=COMMIT)] = ""
