"""`python -m dev.proxmox.extract VERSION=FILE...`: writes api.json from Proxmox VE's API schema.

The files are `api-viewer/apidata.js` of the repository pve-docs, as JSON. Only the methods that the
emulator serves are taken, and of each what decides whether a request is valid and allowed; texts
are left out. Equal parameters of all methods and versions are stored once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dev.proxmox import api_cluster, api_disk, api_ha, api_power, api_storage, api_vm  # noqa: F401 # their routes
from dev.proxmox.lab import ROUTES
from dev.proxmox.schema import FILE

KEPT = ("type", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
        "optional", "requires", "default_key", "alias", "keyAlias")  # fmt: skip
"""Of a parameter."""


def reduced(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter without its texts; its format may be that of a property string."""
    kept = {key: parameter[key] for key in KEPT if key in parameter}
    if isinstance(kept.get("format"), dict):
        kept["format"] = {name: reduced(each) for name, each in kept["format"].items()}
    return kept


def methods(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every method of a tree with its description."""
    for node in nodes:
        for verb, described in node.get("info", {}).items():
            yield f"{verb} {node['path']}", described
        yield from methods(node.get("children", []))


def main(arguments: list[str]) -> None:
    """Write the file."""
    parameters: dict[str, int] = {}
    versions: dict[str, dict[str, Any]] = {}
    for argument in arguments:
        version, _, file = argument.partition("=")
        described = dict(methods(json.loads(Path(file).read_text())))
        versions[version] = {
            name: {
                "check": described[name].get("permissions", {}).get("check"),
                "parameters": {
                    key: parameters.setdefault(
                        json.dumps(reduced(each), sort_keys=True), len(parameters)
                    )
                    for key, each in described[name]["parameters"].get("properties", {}).items()
                },
            }
            for name in ROUTES
            if name in described
        }
    lines = [f'  "{version}": {json.dumps(each)}' for version, each in versions.items()]
    table = ",\n    ".join(parameters)
    FILE.write_text(f'{{"parameters": [\n    {table}],\n' + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
