"""What an image file holds, by its own bytes: a flake may be anybody's, and so may its image.

An image that names other files would let its guest read those of the workstation, or of the
cloud's hypervisor (CVE-2024-32498), and so would a link out of the store.
"""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Literal

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import File
from flakeship.model.sizes import MIB
from flakeship.nix import qcow2

QCOW2 = qcow2.MAGIC
STORE = Path("/nix/store")
HEAD = 512  # bytes that tell the format; a fixed VHD has its mark in the last ones
SIGNATURES = {  # of what is no raw image, by the place in the file
    (0, QCOW2): "qcow2",
    (0, b"QED\0"): "QED",
    (0, b"KDMV"): "VMDK",
    (0, b"COWD"): "VMDK",
    (0, b"# Disk DescriptorFile"): "a VMDK descriptor",
    (0, b"vhdxfile"): "VHDX",
    (0, b"conectix"): "VHD",
    (-HEAD, b"conectix"): "VHD",
    (64, b"\x7f\x10\xda\xbe"): "VDI",
    (0, b"WithoutFreeSpace"): "Parallels",
    (0, b"WithouFreSpacExt"): "Parallels",
    (0, b"Bochs Virtual HD Image"): "Bochs",
    (0, b"LUKS\xba\xbe"): "LUKS",
    (0, b"VMA\0"): "VMA",
    (0, b"\x28\xb5\x2f\xfd"): "zstd",
    (0, b"\x1f\x8b"): "gzip",
    (0, b"\xfd7zXZ\0"): "xz",
}
EXPECTED = {"qcow2": "qcow2", "raw": "", "raw.zst": "zstd", "vma.zst": "zstd"}


def describe(path: Path) -> File:
    """A file with its size and its sha512. Raises FileNotFoundError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    return File(str(path), path.stat().st_size, digest)


def inspect(path: Path) -> tuple[Literal["qcow2", "raw"], int]:
    """The format of an image file by its first bytes, and its virtual size in bytes."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(QCOW2):
        return "qcow2", int.from_bytes(head[24:32], "big")
    return "raw", path.stat().st_size


def check(path: Path, declared: str, name: str) -> None:
    """Refuse a built file that is not a regular file below its output, or not what it is declared.

    `declared` is a format of model.release, `name` that of the release or machine. Raises
    FlakeshipError: image-file-missing, image-not-regular, image-other-format, image-refers,
    image-unusable.
    """
    check_place(path, name)
    head, found = _head(path), signature(path)
    if declared == "qcow2" and found == "qcow2":
        qcow2.check(head, path, name)
    elif found != EXPECTED.get(declared, found):
        raise _other_format(path, name, found or "raw", declared)


def check_place(path: Path, name: str) -> None:
    """Refuse a path that leads out of its output, or to no regular file. Raises FlakeshipError."""
    output = STORE / path.relative_to(STORE).parts[0] if path.is_relative_to(STORE) else path
    own = output.parent.resolve() / output.name
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except (OSError, RuntimeError) as error:  # a loop of links, or part of the path is a file
        raise FlakeshipError(
            f"the build has no file {path}",
            code="image-file-missing",
            key=name,
            remedy="correct `files` of the manifest (docs/reference/manifest.md)",
        ) from error
    if not (real == own or real.is_relative_to(own)) or not stat.S_ISREG(kind):
        where = f"a link to {real}" if real != own and not real.is_relative_to(own) else "no file"
        raise FlakeshipError(
            f"its image {path} is {where}",
            code="image-not-regular",
            key=name,
            allowed=f"a regular file below {output}",
            remedy="copy the image into the output of the build",
        )


def signature(path: Path) -> str:
    """The format that a file has the signature of; empty where it has none: a raw image."""
    head, size = _head(path), path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - HEAD, 0))
        tail = file.read(HEAD)
    for (place, mark), found in SIGNATURES.items():
        if (tail if place < 0 else head[place:]).startswith(mark):
            return found
    return ""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _other_format(path: Path, name: str, found: str, declared: str) -> FlakeshipError:
    return FlakeshipError(
        f"its image {path} has another format than its manifest says",
        code="image-other-format",
        key=name,
        given=found,
        allowed=declared,
        remedy="correct `format` of the manifest, or convert the image in the build",
    )


def mebibytes(size: int) -> int:
    """A size in bytes as MiB, rounded up."""
    return -(-size // MIB)
