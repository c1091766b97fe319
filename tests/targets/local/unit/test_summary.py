"""What a preview says of a stack on the workstation, run by run, as files (golden/)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flakeship.model import ledger
from flakeship.model.evidence import Evidence
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.state.outputs import StackOutputs
from flakeship.targets.local.inspect import LocalInventory, ServerState
from flakeship.targets.local.machine_state import MachineRecord, MachineState
from flakeship.targets.local.plan import LocalPlan, plan_servers
from tests import golden
from tests.targets.local.unit.test_plan import EMPTY, HERE, settings
from tests.unit.model.test_ledger import release, verified

GOLDEN = Path(__file__).parent / "golden"
WEB: dict[str, Any] = {"name": "web", "ports": [{"port": 80, "hostPort": 8080}]}
DB: dict[str, Any] = {
    "name": "db",
    "ports": [{"port": 5432, "hostPort": 5432, "needsData": True}],
    "dataDisks": {"pg": "10G", "wal": "2G"},
}


def appliance(digit: int) -> Release:
    return replace(release(digit), host="appliance")


@dataclass
class Stack:
    """A stack on the workstation: each run makes what it has planned."""

    outputs: StackOutputs = field(default_factory=StackOutputs)
    inventory: LocalInventory = EMPTY

    def plan(self, digit: int, *servers: dict[str, Any]) -> LocalPlan:
        desired = Desired("dev", settings(*servers), {"appliance": appliance(digit)}, self.outputs)
        return plan_servers(desired, self.inventory)

    def up(self, digit: int, *servers: dict[str, Any]) -> LocalPlan:
        made = self.plan(digit, *servers)
        evidence = Evidence("", 1, ["ssh-ed25519 AAAA"], 1.0, [])
        record: Record = verified(appliance(digit), str(digit))
        self.outputs = StackOutputs(
            servers={each.name: each.output(evidence) for each in made.servers},
            ledger=ledger.updated(self.outputs.ledger, [record], [*made.records], ()),
        )
        machines = {
            each.id: MachineState(MachineRecord(each.id, 1, "kvm", {22: 40022}, HERE), runs=True)
            for each in made.servers
        }
        self.inventory = replace(
            self.inventory,
            machines=machines,
            servers={each.name: ServerState(each.id, 1) for each in made.servers},
            data_disks=frozenset(
                (each.name, disk) for each in made.servers for disk in each.server.data_disks
            ),
        )
        return made


def deployed(*runs: int, servers: tuple[dict[str, Any], ...] = (WEB, DB)) -> Stack:
    stack = Stack()
    for digit in runs:
        stack.up(digit, *servers)
    return stack


def test_the_first_run() -> None:
    golden.compare(GOLDEN / "first-up.txt", Stack().plan(1, WEB, DB).summary)


def test_nothing_to_do() -> None:
    golden.compare(GOLDEN / "no-op.txt", deployed(1).plan(1, WEB, DB).summary)


def test_a_new_release() -> None:
    golden.compare(GOLDEN / "new-release.txt", deployed(1).plan(2, WEB, DB).summary)


def test_a_rollback() -> None:
    golden.compare(GOLDEN / "rollback.txt", deployed(1, 2).plan(1, WEB, DB).summary)


def test_more_memory() -> None:
    larger = WEB | {"memory": "1G"}
    golden.compare(GOLDEN / "resize.txt", deployed(1).plan(1, larger, DB).summary)


def test_a_server_that_leaves_with_its_data() -> None:
    golden.compare(GOLDEN / "removed-server.txt", deployed(1).plan(1, WEB).summary)


def test_a_data_disk_that_leaves_and_one_that_grows() -> None:
    changed = DB | {"dataDisks": {"pg": "20G"}}
    golden.compare(GOLDEN / "data-disks.txt", deployed(1).plan(1, WEB, changed).summary)


def test_many_servers() -> None:
    ports = {"name": "job", "count": 16}
    stack = deployed(1, servers=(WEB, DB, ports))
    golden.compare(GOLDEN / "many-servers.txt", stack.plan(2, WEB, DB, ports).summary)


def test_what_a_failed_run_has_left_is_told_as_that() -> None:
    stack = deployed(1)
    left = stack.plan(2, WEB, DB).servers[0].id
    state = MachineState(MachineRecord(left, 1, "kvm", {22: 40023}, HERE), runs=True)
    machines = {**stack.inventory.machines, left: state}
    stack.inventory = replace(stack.inventory, machines=machines)
    golden.compare(GOLDEN / "after-a-failure.txt", stack.plan(2, WEB, DB).summary)


def test_another_access_to_the_workstation_is_no_other_size() -> None:
    stack = deployed(1, servers=(WEB,))
    desired = Desired("dev", settings(WEB), {"appliance": appliance(1)}, stack.outputs)
    options = desired.settings.options.model_copy(update={"workstation_access": True})
    given = desired.settings.model_copy(update={"options": options})
    (change,) = plan_servers(replace(desired, settings=given), stack.inventory).summary.servers
    assert (change.reasons, change.size) == (("workstationAccess off -> on",), "")


def test_a_machine_whose_files_are_gone_is_no_no_op() -> None:
    stack = deployed(1)
    stack.inventory = replace(stack.inventory, machines={})
    web, db = stack.plan(1, WEB, DB).summary.servers
    assert web.changes
    assert db.changes


def test_a_host_port_that_leads_elsewhere_is_told() -> None:
    stack = Stack()
    stack.up(1, WEB)
    ports = [{"port": 80}, {"port": 81, "hostPort": 8080}]
    (change,) = stack.plan(1, {"name": "web", "ports": ports}).summary.servers
    assert change.machine == change.before
    assert change.in_place == ("host ports 8080 to 80 -> 8080 to 81",)
