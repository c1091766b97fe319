"""Reads the outputs of version 0.1, which had no schema: every target wrote its own keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any


def upgraded(outputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The target, and of the outputs what commands that change nothing need, as schema 1."""
    target = "openstack" if outputs.get("project") else "local"  # only a cloud has a project
    running = outputs.get("running") or {}
    servers = (outputs.get("servers") or {}).items()
    return target, {
        "running": running,
        "releases": [_record(record) for record in outputs.get("releases") or []],
        "servers": {name: _server(report, target, running) for name, report in servers},
        target: {key: outputs[key] for key in ("published", "project") if outputs.get(key)},
    }


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the ledger, whose release was a single file."""
    release = dict(record["release"])
    file = release.pop("file") or "."
    path = str(PurePosixPath(release["out"], file))
    image = {"path": path, "size": record["size"], "sha512": record["sha512"]}
    artifact = {"files": [image], "disk": record.get("disk", 0)}
    return {"release": {**release, "files": [file]}, "artifact": artifact}


def _server(report: Mapping[str, Any], target: str, running: Mapping[str, str]) -> dict[str, Any]:
    machine = str(report["machine"])
    digest = machine.rsplit("-", 2)[1]
    release = next((name for name in running.values() if name.endswith(f"-{digest}")), "")
    own: dict[str, Any] = dict(report)
    common: dict[str, Any] = {
        key: own.pop(key) for key in ("machine", "ports", "ssh", "checks") if key in own
    }
    address = str(own.pop("address", "")) or "127.0.0.1"
    if "jump" in own:
        own["bastion"] = own.pop("jump")
    return {"target": target, "release": release, "address": address, **common, target: own}
