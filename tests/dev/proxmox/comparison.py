"""Compares a recorded answer with ours: everything must be equal but what cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

FIGURES = {
    *(
        "cpu",
        "mem",
        "memhost",
        "maxmem",
        "disk",
        "maxdisk",
        "diskread",
        "diskwrite",
        "netin",
        "netout",
    ),
    *(
        "uptime",
        "pid",
        "pstart",
        "starttime",
        "endtime",
        "ctime",
        "used",
        "avail",
        "total",
        "maxcpu",
    ),
    *("used_fraction", "repoid", "digest", "ssl_fingerprint", "running-qemu", "running-machine"),
    *("cgroup-mode", "prefix", "statistics"),
}
"""Of these only the type is compared: they are figures of a machine, or new each time."""
STALE = {"name", "status", "template"}
"""Of lists that Proxmox VE updates every ten seconds; a recorded one may be older than the VM."""
IDENTITIES = ("volid", "key", "poolid", "id", "storage", "upid", "name", "node", "n", "vmid")
MASKS = (
    (r"UPID:(\w+):\w+:\w+:\w+:(\w+:[^:]*:[^:]+):", r"UPID:\1:\2:"),
    (r"(?i)\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"[\w./-]*/pveupload-\w+", "UPLOAD"),
    (r"creation-qemu=[\d.]+,ctime=\d+", "META"),
    (r"\b([0-9a-f]{64}|[0-9a-f]{40})\b", "HASH"),
    (r"\b(10\.10\.10|198\.18\.2)\.\d+\b", "ADDRESS"),
    (r"size is: \d+", "SIZE"),
)


def masked(text: str) -> str:
    """A text without what is new each time."""
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def differences(recorded: Any, ours: Any, *, stale: bool, where: str = "") -> Iterator[str]:
    """Where two answers differ."""
    kinds = [_kind(each) for each in (recorded, ours)]
    if kinds[0] != kinds[1]:
        yield f"{where}: {recorded!r} is recorded, {ours!r} is ours"
    elif isinstance(recorded, dict):
        if missing := sorted(set(recorded) ^ set(ours)):
            yield f"{where}: only one has {', '.join(missing)}"
        for key in set(recorded) & set(ours):
            below = f"{where}.{key}"
            if key == "content" and "," in str(recorded[key]):  # a set, in any order
                recorded[key], ours[key] = (
                    sorted(each[key].split(",")) for each in (recorded, ours)
                )
            if (
                key in FIGURES
                or (key == "size" and {"volid", "mimetype"} & set(recorded))
                or (stale and key in STALE)
            ):
                if _kind(recorded[key]) != _kind(ours[key]):
                    yield f"{below}: {recorded[key]!r} is recorded, {ours[key]!r} is ours"
            else:
                yield from differences(recorded[key], ours[key], stale=stale, where=below)
    elif isinstance(recorded, list):
        left, right = _by_identity(recorded), _by_identity(ours)
        if missing := sorted(set(left) ^ set(right)):
            yield f"{where}: only one has {', '.join(missing)}"
        for key in set(left) & set(right):
            yield from differences(left[key], right[key], stale=stale, where=f"{where}[{key}]")
    elif (isinstance(recorded, str) and masked(recorded) != masked(ours)) or (
        not isinstance(recorded, str) and recorded != ours
    ):
        yield f"{where}: {recorded!r} is recorded, {ours!r} is ours"


def _kind(value: Any) -> str:
    return "number" if isinstance(value, float | int) else type(value).__name__


def _by_identity(entries: list[Any]) -> dict[str, Any]:
    """Entries by what names them; without a name, by their place."""
    named = {}
    for place, entry in enumerate(entries):
        names = (
            [entry[key] for key in IDENTITIES if key in entry] if isinstance(entry, dict) else []
        )
        named[masked(str(names[0])) if names else str(place)] = entry
    return named
