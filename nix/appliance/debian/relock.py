#!/usr/bin/env python3
"""Resolves the appliance's packages anew against a Debian mirror and writes lock.json."""

import json
import lzma
import re
import sys
import tempfile
from pathlib import Path

import bootstrap
import lock
import mirrors
from archive import checked, current, file_in, packages, release, verified
from package import ArchiveError, Package

KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"


def keyring(folder: Path) -> Path:
    """apt's keyring, or on other systems the one in the locked (so already trusted) package."""
    if (installed := Path("/") / KEYRING).is_file():
        return installed
    locked = lock.read()
    path = locked.deb_paths()["debian-archive-keyring"]
    if not path.is_file():
        raise ArchiveError("no Debian keyring here: install debian-archive-keyring")
    digest = locked.packages["debian-archive-keyring"].sha256
    (folder / "keyring.gpg").write_bytes(
        file_in(checked(path.read_bytes(), digest, path.name), KEYRING)
    )
    return folder / "keyring.gpg"


def choose(wanted: dict[str, list[str]], index: dict[str, Package], kernel: str) -> list[str]:
    """The names to lock; the kernel's own changes with every ABI, so its meta package names it."""
    names = {kernel, *wanted["tools"], *wanted["system"]}
    if missing := sorted(names - index.keys()):
        raise ArchiveError(f"not in this suite: {', '.join(missing)}; edit packages.json")
    return sorted(names)


def relock(mirror: str) -> lock.Lock:
    """A lock of what this mirror has now, which must not be older than the lock there is."""
    wanted = json.loads(lock.WANTED.read_text())
    base = f"{mirror}/dists/{wanted['suite']}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signed = verified(mirrors.get(f"{base}/InRelease"), keyring(folder))
        head = current(release(signed), wanted["suite"], lock.read().date)
        path = "main/binary-amd64/Packages.xz"
        if path not in head.hashes:
            raise ArchiveError(f"{base}/InRelease does not list {path}: use another mirror")
        # By hash: a mirror in the middle of an update still has the file the signature names.
        by_hash = f"{base}/{Path(path).parent}/by-hash/SHA256/{head.hashes[path]}"
        listed = lzma.decompress(checked(mirrors.get(by_hash), head.hashes[path], path))
        index = packages(listed.decode())
        meta = index.get(wanted["kernel"])
        image = re.search(r"linux-image-[^ ,]+", meta.depends) if meta else None
        if not image:
            raise ArchiveError(f"{wanted['kernel']} names no kernel: edit packages.json")
        wanted["tools"].append(wanted["keyring"])
        chosen = {one: index[one] for one in choose(wanted, index, image[0])}
        first = chosen[wanted["bootstrap"]]
        deb = checked(mirrors.get(f"{mirror}/{first.filename}"), first.sha256, first.name)
        digest = bootstrap.digest(bootstrap.make(deb, folder))
    return lock.Lock(wanted["suite"], head.version, head.date, image[0], digest, chosen)


def relock_anywhere() -> lock.Lock:
    """Writes the lock of the first mirror that can be trusted."""
    problems = []
    for mirror in mirrors.mirrors():
        try:
            found = relock(mirror)
        except ArchiveError as error:
            problems.append(f"{mirror}: {error}")
            continue
        lock.write(found)
        return found
    raise ArchiveError("; ".join(problems))


def main() -> int:
    """`make relock`."""
    try:
        found = relock_anywhere()
    except ArchiveError as error:
        print(f"relock: {error}", file=sys.stderr)
        return 1
    total = sum(package.size for package in found.packages.values())
    print(
        f"relock: Debian {found.release} of {found.date:%Y-%m-%d}, {len(found.packages)} packages,"
        f" {total / 1e6:.0f} MB; commit lock.json",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
