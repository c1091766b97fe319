"""A release, one evaluated host and variant, named before it is built; and its built artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.errors import FlakeshipError
from flakeship.model.fields import Number, Word
from flakeship.model.locked_input import LockedInput
from flakeship.model.sizes import LARGEST_DISK

Format = Literal["qcow2", "raw", "raw.zst", "vma.zst", "netboot"]
Firmware = Literal["bios", "uefi", "hybrid"]

# A flake may be anybody's: what it says goes into paths, command lines and ssh_config. A title says
# in an error message what is allowed.
Line = Annotated[
    str, Field(pattern=r"^[ -~]{0,100}$", title="one line of up to 100 characters of ASCII")
]
StorePath = Annotated[
    str,
    Field(
        # the longest name that Nix allows has 211 characters
        pattern=r"^/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]{1,211}$",
        title="a path directly below /nix/store",
    ),
]
PART = "[!-,0-~-][ -,0-~.-]{0,254}"  # the name of a file, which does not begin with a dot
BELOW = f"{PART}(/{PART}){{0,7}}"
Below = Annotated[str, Field(pattern=rf"^([.]|{BELOW})$")]
# `<host>-<8 characters of a hash>`; empty where a run of the first version told none
ReleaseName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,71})?$")]
MiB = Annotated[
    int, Field(ge=1, le=LARGEST_DISK, title=f"a whole number from 1 to {LARGEST_DISK}"), Number
]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


@dataclass(frozen=True)
class Manifest:
    """What a flake says of one host and variant; flakeship.nix.manifest has its JSON schema."""

    # Descriptions are no docstrings, which pydantic would parse in every process.
    host: Annotated[Word, Field(description="The host's name in the flake.")]
    variant: Annotated[Word, Field(description="The variant's name in the flake.")]
    drv: Annotated[StorePath, Field(description="The derivation of the image.")]
    out: Annotated[
        StorePath,
        Field(
            description="The output path of that derivation; two derivations may have the same "
            "output."
        ),
    ]
    files: Annotated[
        tuple[Below, ...],
        Field(
            min_length=1,
            max_length=16,
            title="1 to 16 paths below `out`, in which no part begins with a dot",
            description="The image's files, as paths below `out`; `.` where the output itself is "
            "the file.",
        ),
    ]
    format: Annotated[
        Format,
        Field(
            description="The format of the image; `netboot` is a kernel, an initrd and an iPXE "
            "script."
        ),
    ]
    toplevel: Annotated[
        StorePath,
        Field(description="What /run/current-system is in a machine that runs the image."),
    ]
    version: Annotated[Line, Field(description="The version of the release, for people.")]
    system: Annotated[Word, Field(description="The platform, such as `x86_64-linux`.")]
    disk: Annotated[
        MiB | Literal["auto"],
        Field(
            title=f"a whole number from 1 to {LARGEST_DISK}, or auto",
            description="The virtual size of the image in MiB; `auto` where only the build tells "
            "it.",
        ),
    ]
    memory: Annotated[MiB, Field(description="The least memory to boot with, in MiB.")]
    user: Annotated[
        Word,
        Field(description="The user that the checks log in as, who has `sudo` without a password."),
    ]
    firmware: Annotated[
        Firmware, Field(description="The firmware that boots the image; `hybrid` is either.")
    ] = "bios"
    agent: Annotated[
        StrictBool,
        Field(title="true or false", description="Whether the QEMU guest agent is in the image."),
    ] = False
    rebuildable: Annotated[
        bool,
        Field(
            title="true or false",
            description="Whether Nix builds on the machine; otherwise it is not asked to.",
        ),
    ] = True
    switchable: Annotated[
        bool,
        Field(
            title="true or false",
            description="Whether the running machine can activate a system; otherwise it is not "
            "asked to.",
        ),
    ] = True


@dataclass(frozen=True)
class Release(Manifest):
    """A manifest, and what it was evaluated from: the flake with its revision, and the keys."""

    revision: Line = ""
    """Ends in `-dirty` with uncommitted changes; empty outside of git."""
    keys: tuple[AuthorizedKey, ...] = ()
    """The authorized keys that the stack put into the image; empty where an older version did, and
    where the flake has no input for them."""
    inputs: tuple[LockedInput, ...] = ()
    """The flake itself, and its locked inputs; empty where an older version evaluated it."""

    @property
    def name(self) -> str:
        """`<host>-<first 8 characters of the output's store hash>`."""
        return f"{self.host}-{PurePosixPath(self.out).name[:8]}"

    @property
    def paths(self) -> list[str]:
        """The image's files in the store."""
        return [str(PurePosixPath(self.out, file)) for file in self.files]


@dataclass(frozen=True)
class File:
    """One file: its path in the store, its size in bytes and its sha512 in hexadecimal."""

    path: Annotated[str, Field(pattern=r"^/[ -~]{1,4094}$")]
    size: Annotated[int, Field(ge=0), Number]
    sha512: Annotated[str, Field(pattern=r"^[0-9a-f]{1,128}$")]


@dataclass(frozen=True)
class Artifact:
    """The files of a release in the order of its manifest."""

    files: tuple[File, ...]
    # the virtual size of the disk in them in MiB, rounded up; 0: none, or unknown
    disk: Annotated[int, Field(ge=0), Number] = 0

    @property
    def image(self) -> File:
        """The one file. Raises FlakeshipError where the artifact has several."""
        if len(self.files) != 1:
            names = ", ".join(file.path for file in self.files)
            raise FlakeshipError(f"the release has {len(self.files)} files, not one image: {names}")
        return self.files[0]


@dataclass(frozen=True)
class Record:
    """A verified release in the ledger, and the artifact that was verified.

    `at` is when this stack verified it first (UTC, as in `Evidence.at`), and `checks` are the names
    of those that passed then. Of the slowest machine it took `ssh_seconds` until SSH answered, and
    `check_seconds` are those of all its checks, of which many ran at once. All are empty where an
    older version wrote the record. `origin` is the stack that it was promoted from, empty where
    this one built it.
    """

    release: Release
    artifact: Artifact
    at: Line = ""
    checks: tuple[Line, ...] = ()
    origin: Line = ""
    ssh_seconds: Seconds = 0.0
    check_seconds: Seconds = 0.0

    @property
    def name(self) -> str:
        """The release's name."""
        return self.release.name
