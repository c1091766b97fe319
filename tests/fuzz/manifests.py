"""Manifests, which anybody's flake may hold."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from flakeship.model import codec
from flakeship.nix import manifest
from tests.fuzz.schemas import fitting
from tests.fuzz.subject import Subject
from tests.fuzz.values import changed, document, documents

HASH = "naqrfi5xikhhc0r98qj653wl6yv3cb1q"
EXAMPLE = {
    "schema": 1,
    "host": "appliance",
    "variant": "qemu",
    "drv": f"/nix/store/{HASH}-appliance-image.drv",
    "out": f"/nix/store/{HASH}-appliance-image",
    "files": ["appliance.qcow2"],
    "format": "qcow2",
    "toplevel": f"/nix/store/{HASH}-nixos-system-appliance-13.7",
    "version": "13.7.20260912",
    "system": "x86_64-linux",
    "disk": 1024,
    "memory": 256,
    "user": "nixos",
    "firmware": "bios",
    "agent": False,
}
NETBOOT = EXAMPLE | {"format": "netboot", "files": ["kernel", "initrd", "x/y.ipxe"], "disk": "auto"}


def subjects() -> list[Subject]:
    """The reader of manifests."""
    shaped = fitting(manifest.schema(), {key: EXAMPLE[key] for key in ("drv", "out", "toplevel")})
    inputs = st.one_of(
        documents([EXAMPLE, NETBOOT]), changed([EXAMPLE]).map(document), shaped.map(document)
    )
    return [Subject("manifest", inputs, read)]


def read(text: str) -> None:
    """Read a manifest; what is accepted is the same when it is written and read again."""
    release = manifest.read(text, "./x#flakeship.a.b")
    plain = codec.plain(release)
    del plain["revision"], plain["keys"]
    again = manifest.read(json.dumps({"schema": 1, **plain}), "./x#flakeship.a.b")
    assert again == release
    assert all(path.startswith("/nix/store/") and ".." not in path for path in release.paths)
    assert release.name.isascii()
    assert len(release.name) < 80
