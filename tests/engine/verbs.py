"""Stands in for internal commands and local's resource types in a test of the graph alone.

Builds for real. A start, a verification and a cut-over only take note of themselves in the file
`log`; a file `fail-<verb>`, holding a part of a request, makes that operation fail. It is copied to
flakeship/__main__.py and to flakeship/targets/local/resource_types.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.nix import build, store
from flakeship.nix.build import BuildRequest, ForgetRequest
from flakeship.targets.base import ResourceType
from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import (
    Cutover,
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)


def start(request: MachineRequest) -> MachineRecord:
    ports = {port: 40000 + port for port in request.ports}
    return MachineRecord(request.id, request.boot, "tcg", ports, request.workstation)


def verify(request: VerifyMachineRequest) -> Evidence:
    checks = [CheckResult("toplevel", passed=True, milliseconds=1, detail="")]
    return Evidence(request.verify.machine, 1, ["ssh-ed25519 AAAA"], 1.0, checks)


def cut_over(request: CutoverRequest) -> Cutover:
    return Cutover(request.server, request.machine, "", {})


def noted(verb: str, act: Callable[[Any], object], request: Any, _previous: str = "") -> object:
    fail = Path(f"fail-{verb}")
    if fail.exists() and fail.read_text() in codec.dump(request):
        details = ["  ✗ system: degraded"]
        raise FlakeshipError("1 of 9 checks failed", key=name(request), details=details)
    answer = act(request)
    with Path("log").open("a") as log:
        log.write(f"{verb} {name(request)}\n")
    return answer


def name(request: Any) -> str:
    match request:
        case BuildRequest():
            return request.release
        case MachineRequest():
            return request.id
        case VerifyMachineRequest():
            return request.verify.machine
        case CutoverRequest():
            return request.machine
        case ForgetRequest():
            return Path(request.gc_root).name
        case _:
            return f"{request.name}.qcow2"


def nothing(_: object) -> None:
    pass


TYPES = {
    "DataDisk": ResourceType(
        DataDiskRequest, partial(noted, "disk", nothing), partial(noted, "disk-delete", nothing)
    ),
    "Machine": ResourceType(
        MachineRequest, partial(noted, "start", start), partial(noted, "stop", nothing)
    ),
    "Verification": ResourceType(VerifyMachineRequest, partial(noted, "verify", verify)),
    "Cutover": ResourceType(
        CutoverRequest,
        partial(noted, "cutover", cut_over),
        partial(noted, "cutover-remove", nothing),
    ),
}
COMMANDS: dict[str, tuple[str, type[Any], Callable[[Any], object]]] = {
    "build-image": ("build", BuildRequest, build.build),
    "remove-gc-roots": ("forget", ForgetRequest, lambda request: store.drop(request.gc_root)),
}

if __name__ == "__main__":
    assert sys.argv[1] == "internal"
    verb, kind, act = COMMANDS[sys.argv[2]]
    try:
        answer = noted(verb, act, codec.from_variables(kind, os.environ))
    except FlakeshipError as error:
        sys.exit(str(error))
    print("{}" if answer is None else codec.dump(answer))
