"""Stands in for `python -m flakeship internal` where a test is about the graph, not machines.

Builds for real. A start, a verification and a cut-over only take note of themselves in the file
`log`; a file `fail-<verb>`, holding a part of a request, makes that command fail.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.nix import build, store
from flakeship.nix.build import BuildRequest
from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import Cutover

SHORT = {
    "build-image": "build",
    "release-image": "forget",
    "local.ensure-data-disk": "disk",
    "local.delete-data-disk": "disk-delete",
    "local.start-machine": "start",
    "local.stop-machine": "stop",
    "local.verify-machine": "verify",
    "local.cutover": "cutover",
    "local.remove-cutover": "cutover-remove",
}
assert sys.argv[1] == "internal"
VERB, TEXT = SHORT[sys.argv[2]], sys.stdin.read()
REQUEST = json.loads(TEXT)


def answer() -> str:
    match VERB:
        case "build":
            return codec.dump(build.build(codec.parse(BuildRequest, TEXT)))
        case "forget":
            store.drop(REQUEST["root"])
        case "start":
            ports = {port: 40000 + port for port in REQUEST["ports"]}
            boot = REQUEST["boot"]
            return codec.dump(
                MachineRecord(REQUEST["id"], boot, "tcg", ports, REQUEST["workstation"])
            )
        case "verify":
            checks = [CheckResult("toplevel", passed=True, milliseconds=1, detail="")]
            keys = ["ssh-ed25519 AAAA"]
            return codec.dump(Evidence(name(), 1, keys, 1.0, checks))
        case "cutover":
            host = REQUEST["host"]
            return codec.dump(Cutover(host["server"], host["machine"], "", {}))
        case _:
            pass
    return "{}"


def name() -> str:
    release = REQUEST.get("release", {})
    named = release.get("out", "")[11:19] and f"{release['host']}-{release['out'][11:19]}"
    machine = REQUEST.get("id") or REQUEST.get("host", REQUEST.get("verify", {})).get("machine")
    return named or machine or f"{REQUEST['name']}.qcow2"


fail = Path(f"fail-{VERB}")
if fail.exists() and fail.read_text() in TEXT:
    sys.exit(f"{name()}: 1 of 9 checks failed\n  ✗ system: degraded")
try:
    said = answer()
except FlakeshipError as error:
    sys.exit(str(error))
with Path("log").open("a") as log:
    log.write(f"{VERB} {name()}\n")
print(said)
