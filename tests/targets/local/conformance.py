"""What the target brings to the conformance suite: an example, and answers without QEMU."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.codec import plain
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.state.stack import Stack
from flakeship.targets.local import machine, ssh_config, verify_machine, workstation
from flakeship.targets.local.inspect import LocalInventory, ServerState
from flakeship.targets.local.machine_state import MachineRecord, MachineState
from flakeship.targets.local.resources import (
    CUTOVER,
    DATA_DISK,
    MACHINE,
    Cutover,
    CutoverRequest,
    VerifyMachineRequest,
)
from flakeship.targets.local.stack_files import StackFiles
from tests.conformance.case import Case
from tests.conformance.small_engine import STACK, Resource

HERE, CHECKOUT = "workstation-0123abcd", Path("/home/dev/checkout")
KEY = "ssh-ed25519 AAAA"
PASSED = CheckResult("toplevel", passed=True, milliseconds=1, detail="")
FILES = StackFiles(STACK)


def start(request: dict[str, Any]) -> object:
    ports = {port: 40000 + port for port in request["ports"]}
    return plain(MachineRecord(request["machine"], request.get("boot", 1), "tcg", ports, HERE))


def verify(request: dict[str, Any]) -> object:
    return plain(Evidence(request["verify"]["machine"], 1, [KEY], 1.0, [PASSED]))


def cut_over(request: dict[str, Any]) -> object:
    forwards = {int(port): guest for port, guest in request["forwards"].items()}
    return plain(Cutover(request["server"], request["machine"], "", forwards, [PASSED]))


class LocalCase:
    """See tests.conformance.case.Case."""

    settings: Mapping[str, Any] = {
        "servers": [
            {
                "name": "web",
                "ports": [{"port": 80, "protocol": "http", "hostPort": 8080}],
                "dataDisks": {"pg": "1G"},
                "checks": [{"name": "disk", "run": "test -d /data/pg", "needsData": True}],
            },
            {"name": "db"},
        ]
    }
    commands: Mapping[str, Callable[[dict[str, Any]], object]] = {
        "DataDisk": lambda _: {},
        "Machine": start,
        "Verification": verify,
        "Cutover": cut_over,
    }

    def provided(self, resource: Resource) -> Mapping[str, Any]:
        return {}

    def inventory(self, resources: Sequence[Resource]) -> LocalInventory:
        """Every machine runs, and every cutover is as it was left."""
        machines = {
            record.id: MachineState(record, runs=True)
            for each in resources
            if MACHINE.subject(each.type, each.urn)
            for record in [codec.parse(MachineRecord, json.dumps(each.outputs["result"]))]
        }
        servers = {}
        for each in resources:
            if CUTOVER.subject(each.type, each.urn):
                request = codec.parse(CutoverRequest, json.dumps(each.inputs))
                block = ssh_config.block(request.host, FILES.ssh_config, CHECKOUT)
                servers[request.server] = ServerState(
                    request.machine, request.generation, block, pinned=True
                )
                disks = {d: FILES.data_disk(request.server, d) for d in request.data_disks}
                record = machines[request.machine].record
                machines[request.machine] = MachineState(record, True, request.forwards, disks)
        names = [name for each in resources if (name := DATA_DISK.subject(each.type, each.urn))]
        return LocalInventory(
            HERE,
            CHECKOUT,
            ".state/id_ed25519",
            machines,
            servers,
            data_disks=frozenset((name.split(".")[0], name.split(".")[1]) for name in names),
        )

    def world(
        self, patch: pytest.MonkeyPatch, resources: Sequence[Resource]
    ) -> Callable[[], set[str]]:
        """The directories of the machines, which answer every check."""

        def verified(request: VerifyMachineRequest, *_: object) -> Evidence:
            return Evidence(request.verify.machine, 1, [], 1.0, [PASSED])

        patch.setattr(verify_machine, "verify_machine", verified)
        patch.setattr(verify_machine, "repeat_data_checks", lambda _: [PASSED])
        patch.setattr(workstation, "identity", lambda: HERE)
        patch.setattr(machine, "remove", lambda directory: directory.rmdir())
        for each in resources:
            if name := MACHINE.subject(each.type, each.urn):
                FILES.machine(name).mkdir(parents=True)
        return lambda: {path.name for path in FILES.machines.glob("*")}

    def orphan(self, stack: Stack) -> str:
        FILES.machine("web-99999999-abcd").mkdir(parents=True)
        return "web-99999999-abcd"


CASE: Case = LocalCase()
