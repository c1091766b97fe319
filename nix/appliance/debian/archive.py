"""What a Debian archive says about its packages, believed only as far as it is signed."""

import hashlib
import io
import lzma
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from shutil import which

from package import ArchiveError, Package


@dataclass(frozen=True)
class Release:
    """A signed InRelease file."""

    version: str
    codename: str
    date: datetime
    until: datetime | None
    hashes: dict[str, str]


def sha256(data: bytes) -> str:
    """The sha256 of these bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def checked(data: bytes, expected: str, what: str) -> bytes:
    """The bytes themselves, if they are the expected ones."""
    if sha256(data) != expected:
        raise ArchiveError(f"{what}: wrong sha256; try another mirror (FLAKESHIP_DEBIAN_MIRROR)")
    return data


def verified(signed: bytes, keyring: Path) -> str:
    """The signed text of an InRelease file; what stands outside the signature is not returned."""
    with tempfile.TemporaryDirectory() as folder:
        source, text = Path(folder, "InRelease"), Path(folder, "text")
        source.write_bytes(signed)
        if which("gpgv"):
            command = ["gpgv", "--keyring", str(keyring), "--output", str(text), str(source)]
        elif which("sqv"):
            command = [
                "sqv",
                "--keyring",
                str(keyring),
                "--cleartext",
                "--output",
                str(text),
                str(source),
            ]
        else:
            raise ArchiveError("no gpgv or sqv on this machine: apt-get install gpgv")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise ArchiveError(
                f"InRelease is not signed by a key of {keyring}; do not trust this mirror"
            )
        return text.read_text()


def release(text: str) -> Release:
    """The release an InRelease text speaks of."""
    fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", text, re.MULTILINE))
    _, _, listed = text.partition("\nSHA256:\n")
    hashes: dict[str, str] = {}
    for line in listed.splitlines():
        if not line.startswith(" "):
            break
        digest, _, path = line.split()
        hashes[path] = digest
    try:
        date = parsedate_to_datetime(fields["Date"]).astimezone(UTC)
        valid = fields.get("Valid-Until")
        until = parsedate_to_datetime(valid).astimezone(UTC) if valid else None
        return Release(fields["Version"], fields["Codename"], date, until, hashes)
    except (KeyError, ValueError) as error:
        raise ArchiveError(
            f"InRelease without a usable Version, Codename and Date: {error}"
        ) from error


def current(found: Release, suite: str, since: datetime, now: datetime | None = None) -> Release:
    """The release itself, if it is this suite's and no older one: every signature holds for ever.

    Plain http lets anybody on the way answer with an InRelease of another suite or of last year.
    """
    if found.codename != suite:
        raise ArchiveError(
            f"InRelease is that of {found.codename}, not {suite}: use another mirror"
        )
    if found.date < since:
        raise ArchiveError(
            f"InRelease is of {found.date:%Y-%m-%d}, older than lock.json: use another mirror"
        )
    if found.until and found.until < (now or datetime.now(UTC)):
        raise ArchiveError(
            f"InRelease was valid until {found.until:%Y-%m-%d}: use another mirror or set the clock"
        )
    return found


def packages(index: str) -> dict[str, Package]:
    """The packages of a Packages file; of two versions the last one stands."""
    found: dict[str, Package] = {}
    for stanza in index.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
        if "Package" in fields:
            found[fields["Package"]] = Package(
                fields["Package"],
                fields["Version"],
                fields["Filename"],
                fields["SHA256"],
                int(fields["Size"]),
                fields.get("Depends", ""),
            )
    return found


def members(deb: bytes) -> dict[str, bytes]:
    """The files of an ar archive, which is what a .deb is."""
    found: dict[str, bytes] = {}
    position = 8
    while position + 60 <= len(deb):
        name = deb[position : position + 16].decode().strip().rstrip("/")
        size = int(deb[position + 48 : position + 58])
        found[name] = deb[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    return found


def file_in(deb: bytes, path: str) -> bytes:
    """One file out of a .deb."""
    data = members(deb).get("data.tar.xz")
    if data is None:
        raise ArchiveError(f"no data.tar.xz in the package that should hold {path}: relock")
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(data))) as tree:
        file = tree.extractfile(f"./{path}")
        if file is None:
            raise ArchiveError(f"{path} is not a plain file in its package: relock")
        return file.read()
