"""A release: one evaluated host and variant, named by what it will be, known before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field


def below(file: str) -> str:
    """Refuse what leads out of the directory that it is relative to."""
    if file.startswith("/") or ".." in PurePosixPath(file).parts:
        raise ValueError("must be a path below the output")
    return file


Format = Literal["qcow2", "raw", "raw.zst", "vma.zst", "netboot"]
Firmware = Literal["bios", "uefi", "hybrid"]

# A flake may be anybody's: what it says goes into paths, command lines and ssh_config.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Line = Annotated[str, Field(pattern=r"^[ -~]*$")]
StorePath = Annotated[str, Field(pattern=r"^/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]+$")]


@dataclass(frozen=True)
class Release:
    """What the flake's manifest says of one host and variant (docs/nix.md), and where it came from.

    `drv` is what gets built, `out` what it is: two derivations may have one output. `file` is
    relative to `out`, `disk` and `memory` are in MiB (`auto`: the image's size is known once it is
    built), a `hybrid` image boots by either firmware, `agent` says that the QEMU guest agent is in
    it, `revision` is the git revision of the flake, with `-dirty` for uncommitted changes and empty
    where there is none.
    """

    host: Word
    variant: Word
    drv: StorePath
    out: StorePath
    file: Annotated[Line, AfterValidator(below)]
    format: Format
    toplevel: StorePath
    version: Line
    system: Word
    disk: int | Literal["auto"]
    memory: int
    user: Word
    revision: Line = ""
    firmware: Firmware = "bios"
    agent: bool = False

    @property
    def name(self) -> str:
        """`<host>-<first 8 characters of the output's store hash>`."""
        return f"{self.host}-{PurePosixPath(self.out).name[:8]}"

    @property
    def path(self) -> str:
        """The image file in the store."""
        return str(PurePosixPath(self.out, self.file))


@dataclass(frozen=True)
class Built:
    """An image file that exists: its sha512 in hexadecimal and its size in bytes.

    `disk` is the size of the disk that is in it, in MiB, rounded up.
    """

    file: str
    sha512: str
    size: int
    disk: int = 0


@dataclass(frozen=True)
class Record:
    """A verified release in the ledger, with what is known of its file."""

    release: Release
    sha512: str
    size: int
    disk: int = 0

    @property
    def name(self) -> str:
        """The release's name."""
        return self.release.name
