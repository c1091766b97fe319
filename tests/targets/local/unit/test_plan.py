"""What the program asks for on the workstation, planned without any input or output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.config.server import ServerOptions
from flakeship.config.settings import AnySettings, Settings
from flakeship.model.evidence import Evidence
from flakeship.model.ports import Port
from flakeship.model.release import Artifact, File
from flakeship.release.desired import Desired
from flakeship.state.outputs import ServerOutput, StackOutputs
from flakeship.targets.local import ssh_config
from flakeship.targets.local.copies import Process
from flakeship.targets.local.inspect import LocalInventory, ServerState
from flakeship.targets.local.machine_state import MachineRecord, MachineState
from flakeship.targets.local.plan import LocalPlan, plan_servers, subnet
from flakeship.targets.local.resources import DataDisk
from flakeship.targets.local.server_plan import ServerPlan, machine_id
from flakeship.targets.local.settings import LocalOptions
from flakeship.targets.local.workstation import Holder
from flakeship.verify.request import Promises
from tests.targets.local.unit.qemu_world import FILES, refusal
from tests.unit.model.test_ledger import record, release

WEB: dict[str, Any] = {
    "name": "web",
    "ports": [
        {"port": 80, "protocol": "http", "hostPort": 8080},
        {"port": 5432, "needsData": True},
    ],
    "dataDisks": {"pg": "1G"},
    "checks": [
        {"name": "page", "http": 80},
        {"name": "schema", "run": "test -e /data/pg/PG_VERSION", "needsData": True},
    ],
}
HERE, CHECKOUT = "workstation-0123abcd", Path("/home/dev/checkout")
EMPTY = LocalInventory(HERE, CHECKOUT, ".state/id_ed25519")
DISKS = frozenset({("web", "pg")})


def settings(*servers: dict[str, Any]) -> AnySettings:
    given = {"flake": "nixpkgs", "host": "appliance", "bootTimeout": 120, "servers": list(servers)}
    return Settings[LocalOptions, ServerOptions].model_validate(given)


def planned(
    *servers: dict[str, Any],
    inventory: LocalInventory = EMPTY,
    outputs: StackOutputs | None = None,
) -> LocalPlan:
    desired = Desired(
        "dev", settings(*servers), {"appliance": release(1)}, outputs or StackOutputs()
    )
    return plan_servers(desired, inventory)


def web(inventory: LocalInventory = EMPTY, **other: Any) -> ServerPlan:
    (server,) = planned(WEB | other, inventory=inventory).servers
    return server


def output(server: str, **details: Any) -> StackOutputs:
    known = ServerOutput("local", f"{server}-1-1", "r", "127.0.0.1", {}, "", "", details)
    return StackOutputs(servers={server: known})


def built() -> Artifact:
    return Artifact((File("/nix/store/x/image.qcow2", 5, "abc"),))


RUNNING = MachineRecord(web().id, 4, "kvm", {22: 40022, 80: 40080, 5432: 45432}, HERE)
EVIDENCE = Evidence(web().id, 4, ["ssh-ed25519 AAAA"], 1.0, [])


def in_place() -> LocalInventory:
    """A server whose last cutover, the seventh, holds."""
    plan = web()
    entry = ssh_config.block(plan.ssh_host(40022), FILES.ssh_config, CHECKOUT)
    machine = MachineState(RUNNING, True, {8080: 80}, {"pg": FILES.data_disk("web", "pg")})
    server = ServerState(plan.id, 7, entry, pinned=True)
    return replace(EMPTY, machines={plan.id: machine}, servers={"web": server})


EVENTS: list[str] = []
"""Files, sockets and processes that this process opened, as Python audits them."""

sys.addaudithook(
    lambda event, _: (
        EVENTS.append(event)
        if event.startswith(("open", "os.", "pathlib.", "socket.", "subprocess."))
        else None
    )
)


def test_planning_is_pure() -> None:
    inventory, outputs = in_place(), output("web", data_disks={"old": 64})
    desired = Desired("dev", settings(WEB), {"appliance": release(1)}, outputs)
    first = plan_servers(desired, inventory)
    EVENTS.clear()
    second = plan_servers(desired, inventory)
    assert EVENTS == []
    assert first == second
    assert Path("/").exists()
    list(Path("/").iterdir())
    assert EVENTS != []


def test_a_machine_is_named_by_server_release_and_shape() -> None:
    plan = web()
    assert plan.id == machine_id(plan.server, release(1), workstation_access=False)
    assert plan.id.startswith("web-11111111-")
    reached = machine_id(plan.server, release(1), workstation_access=True)
    assert reached == f"web-11111111-{plan.server.shape}" != plan.id
    assert (plan.boot, plan.generation, plan.workstation) == (1, 1, HERE)


def test_the_request_to_start() -> None:
    request = web().start(built().image.path, built().image.sha512)
    assert request.files.machine(request.id) == Path(f".state/dev/machines/{web().id}")
    assert request.files.active("web") == Path(".state/dev/active/web")
    assert request.data_disks == ["pg"]
    assert request.ports == [22, 80, 5432]
    assert (request.vcpus, request.memory, request.disk) == (2, 512, 2048)
    assert (request.image, request.sha512) == ("/nix/store/x/image.qcow2", "abc")
    assert web().data_disk("pg").size == 1024
    assert request.format == release(1).format


def test_a_udp_port_is_verified_inside_and_not_forwarded() -> None:
    ports = [{"port": 51820, "protocol": "udp", "needsData": True}]
    (vpn,) = planned({"name": "vpn", "ports": ports, "dataDisks": {"keys": "1G"}}).servers
    assert vpn.start(built().image.path, built().image.sha512).ports == [22]
    assert vpn.verification(RUNNING.ports).verify.ports == [
        Port(port=22, protocol="ssh"),
        Port(port=51820, protocol="udp", needs_data=True),
    ]
    assert vpn.data_checks(RUNNING.ports)
    assert vpn.forwards == {}


def test_no_two_disks_are_one_file() -> None:
    servers = planned(
        {"name": "web", "dataDisks": {"pg-x": "1G"}}, {"name": "web-pg", "dataDisks": {"x": "1G"}}
    ).servers
    files = [s.files.data_disk(s.name, disk) for s in servers for disk in s.server.data_disks]
    assert files == [
        Path(".state/dev/disks/web/pg-x.qcow2"),
        Path(".state/dev/disks/web-pg/x.qcow2"),
    ]


def test_the_request_to_verify() -> None:
    verification = web().verification(RUNNING.ports)
    assert (verification.ports, verification.subnet) == (RUNNING.ports, web().subnet)
    assert verification.console == f".state/dev/machines/{web().id}/console.log"
    request = verification.verify
    assert request.ports == [
        Port(port=22, protocol="ssh"),
        Port(port=80, protocol="http"),
        Port(port=5432, needs_data=True),
    ]
    assert request.toplevel == release(1).toplevel
    assert request.deadline == 120.0
    assert request.promises == Promises(nix=True, switch=False)
    assert [check.name for check in request.checks] == ["page"]


def test_a_host_without_nix_is_not_asked_to_build() -> None:
    made = replace(release(1), rebuildable=False)
    desired = Desired("dev", settings(WEB), {"appliance": made}, StackOutputs())
    (server,) = plan_servers(desired, EMPTY).servers
    promises = server.verification(RUNNING.ports).verify.promises
    assert promises == Promises(nix=False, switch=False)


def test_the_request_to_cut_over() -> None:
    request = web(in_place()).cutover(RUNNING.ports, EVIDENCE.host_keys)
    assert request.forwards == {8080: 80}
    assert (request.host.port, request.host.host_keys) == (40022, ("ssh-ed25519 AAAA",))
    assert (request.data_disks, request.generation) == ({"pg": DataDisk(1024)}, 7)
    assert request.data_checks
    checks = request.data_checks.verify
    assert [check.name for check in checks.checks] == ["schema"]
    assert replace(checks, checks=[]) == replace(
        web(in_place()).verification(RUNNING.ports).verify, checks=[]
    )


def test_the_stack_output_of_a_server() -> None:
    found = web().output(EVIDENCE)
    assert found.ports == {"80": "127.0.0.1:8080"}
    assert found.ssh == "ssh -F .state/dev/ssh_config web"
    assert found.details == {"workstation": HERE, "data_disks": {"pg": 1024}}


def test_the_cutover_checks_nothing_where_nothing_needs_the_disks() -> None:
    (plan,) = planned({"name": "web", "dataDisks": {"pg": 1024}}).servers
    assert plan.data_checks(RUNNING.ports) is None


@pytest.mark.parametrize(
    ("state", "boot"),
    [
        (MachineState(), 1),
        (MachineState(RUNNING, runs=True), 4),
        (MachineState(RUNNING, runs=False), 5),
    ],
)
def test_a_dead_machine_gets_the_next_start(state: MachineState, boot: int) -> None:
    assert web(replace(EMPTY, machines={web().id: state})).boot == boot


MACHINE, SERVER = in_place().machines[web().id], in_place().servers["web"]
DRIFTS: dict[str, Callable[[LocalInventory], LocalInventory]] = {
    "no active machine": lambda i: server(i, active=""),
    "another active machine": lambda i: server(i, active="web-other"),
    "no entry in ssh_config": lambda i: server(i, ssh_block=""),
    "another SSH port": lambda i: server(i, ssh_block=SERVER.ssh_block.replace("40022", "1")),
    "another checkout": lambda i: replace(i, checkout=Path("/moved")),
    "no host key": lambda i: server(i, pinned=False),
    "no port": lambda i: machine(i, forwards={}),
    "one port more": lambda i: machine(i, forwards={8080: 80, 8081: 81}),
    "a port elsewhere": lambda i: machine(i, forwards={8080: 81}),
    "no disk": lambda i: machine(i, disks={}),
    "one disk more": lambda i: machine(i, disks=dict(MACHINE.disks) | {"x": Path("x")}),
    "QEMU does not answer": lambda i: machine(i, runs=False, forwards={}, disks={}),
    "never started": lambda i: replace(i, machines={}),
}


def server(inventory: LocalInventory, **other: Any) -> LocalInventory:
    return replace(inventory, servers={"web": replace(SERVER, **other)})


def machine(inventory: LocalInventory, **other: Any) -> LocalInventory:
    return replace(inventory, machines={web().id: replace(MACHINE, **other)})


def test_a_cutover_that_holds_is_not_repeated() -> None:
    assert web(in_place()).generation == 7


@pytest.mark.parametrize("drift", DRIFTS)
def test_any_drift_makes_another_cutover(drift: str) -> None:
    assert web(DRIFTS[drift](in_place())).generation == 8


def test_a_lost_record_makes_another_cutover_of_a_machine_that_was_started() -> None:
    assert web(server(in_place(), generation=None)).generation == 0
    assert web(replace(EMPTY, servers={"web": ServerState()})).generation == 1


def test_every_machine_has_a_subnet_of_its_own() -> None:
    servers = planned(*({"name": f"s{number}"} for number in range(20))).servers
    assert len({server.subnet for server in servers}) == 20


def test_subnets_are_stable_distinct_and_private() -> None:
    first = subnet("web-aaaa-1", [])
    assert first == subnet("web-aaaa-1", [])
    second = subnet("web-aaaa-1", [first])
    assert second != first
    for found in (first, second):
        ten, _, _, rest = found.split(".")
        assert (ten, rest) == ("10", "0/24")
        assert not found.startswith("10.0.")


@pytest.mark.parametrize(("key", "least"), [("memory", 256), ("disk", 512)])
def test_a_server_that_is_too_small_is_refused(key: str, least: int) -> None:
    error = refusal(lambda: planned({"name": "web", key: 100}))
    assert error.code == "server-too-small"
    assert error.place == f"flakeship:servers[0].{key} (server web)"
    assert (error.given, error.allowed) == ("100 MiB", f"{least} MiB or more")


def test_files_are_needed_to_start_a_machine_and_to_go_back() -> None:
    one, other = record(1), record(2)
    two = replace(other, release=replace(other.release, host="appliance"))
    assert planned(WEB).needs_files == {one.name}
    running = in_place()
    assert planned(WEB, inventory=running).needs_files == set()
    kept = StackOutputs(ledger=[one, two])
    assert planned(WEB, inventory=running, outputs=kept).needs_files == {two.name}
    # of two servers one has still to be started
    both = planned(WEB, {"name": "db"}, inventory=running)
    assert both.needs_files == {one.name}
    stopped = replace(running, machines={web().id: MachineState(RUNNING)})
    assert planned(WEB, inventory=stopped).needs_files == {one.name}


def test_a_host_port_of_another_process_is_refused() -> None:
    held = replace(EMPTY, held_ports={8080: Holder("nginx", 42)})
    error = refusal(lambda: planned(WEB, inventory=held))
    assert error.code == "host-port-taken"
    assert (error.key, error.given) == ("flakeship:servers[0].ports[0].hostPort", "8080")
    assert "(server web, port 80)" in error.place
    assert "nginx (pid 42)" in error.what
    assert "stop that process" in error.remedy


def test_a_host_port_of_a_machine_is_not_told_as_a_process_to_stop() -> None:
    mark = "0123456789ab/prod/web-fihqdwx1-32eb"
    held = replace(EMPTY, held_ports={8080: Holder("qemu-system-x86", 42, mark)})
    error = refusal(lambda: planned(WEB, inventory=held))
    assert "the machine web-fihqdwx1-32eb of the stack prod (" in error.what
    assert "stop that process" not in error.remedy
    assert "another hostPort" in error.remedy


def test_a_workstation_with_another_hostname_changes_nothing() -> None:
    here = replace(EMPTY, workstation=f"{HERE}/0123456789ab")
    outputs = output("web", workstation="former-0123abcd/0123456789ab")
    (plan,) = planned(WEB, outputs=outputs, inventory=here).servers
    assert plan.workstation == "former-0123abcd/0123456789ab"


def test_what_an_earlier_version_deployed_is_this_checkouts_from_now_on() -> None:
    here = replace(EMPTY, workstation=f"{HERE}/0123456789ab")
    (plan,) = planned(WEB, outputs=output("web", workstation=HERE), inventory=here).servers
    assert plan.workstation == here.workstation


def test_a_server_of_another_checkout_is_refused() -> None:
    here = replace(EMPTY, workstation=f"{HERE}/0123456789ab")
    outputs = output("web", workstation=f"{HERE}/ba9876543210")
    error = refusal(lambda: planned(WEB, outputs=outputs, inventory=here))
    assert (error.code, error.key) == ("checkout-mismatch", "web")
    assert (error.given, error.allowed) == ("0123456789ab", "ba9876543210")


def test_a_machine_that_runs_in_another_directory_is_refused() -> None:
    there = Process(42, "", Path("/home/dev/copy/.state/dev/machines/x"), removed=False)
    inventory = replace(EMPTY, machines={web().id: MachineState(elsewhere=there)})
    error = refusal(lambda: planned(WEB, inventory=inventory))
    assert (error.code, error.key) == ("machine-elsewhere", web().id)
    assert "/home/dev/copy," in error.remedy
    assert planned({"name": "db"}, inventory=inventory)


def test_a_data_disk_that_is_gone_is_refused() -> None:
    outputs = output("web", data_disks={"pg": 64})
    error = refusal(lambda: planned(WEB, outputs=outputs))
    assert (error.code, error.key) == ("data-disk-missing", "data disk pg of web")
    assert planned(WEB, outputs=outputs, inventory=replace(EMPTY, data_disks=DISKS))


def test_a_privileged_host_port_is_told_as_that() -> None:
    inventory = replace(EMPTY, privileged={80: 1024}, held_ports={80: Holder()})
    server = {"name": "web", "ports": [{"port": 80, "hostPort": 80}]}
    error = refusal(lambda: planned(server, inventory=inventory))
    assert (error.code, error.given) == ("host-port-privileged", "80")
    assert error.key == "flakeship:servers[0].ports[0].hostPort"
    assert "sysctl net.ipv4.ip_unprivileged_port_start=80" in error.remedy


def test_a_server_of_another_workstation_is_refused() -> None:
    error = refusal(lambda: planned(WEB, outputs=output("web", workstation="elsewhere")))
    assert (error.code, error.key) == ("workstation-mismatch", "web")
    assert (error.given, error.allowed) == (HERE, "elsewhere")


def test_outputs_that_cannot_be_read_are_refused() -> None:
    error = refusal(lambda: planned(WEB, outputs=output("web", data_disks=["pg"])))
    assert (error.code, error.key) == ("outputs-unreadable", "stack dev")
    assert "web.data_disks" in error.what


def test_a_new_server_needs_no_warning() -> None:
    assert planned(WEB).warnings == []


def test_a_dead_machine_is_warned_of() -> None:
    (line,) = planned(WEB, inventory=machine(in_place(), runs=False)).warnings
    assert line.startswith(f"web: {web().id} is not running")


def test_a_dead_machine_that_a_new_release_replaces_is_warned_of() -> None:
    died = replace(
        EMPTY,
        machines={"web-old": MachineState(RUNNING)},
        servers={"web": ServerState(active="web-old")},
    )
    (line,) = planned(WEB, inventory=died).warnings
    assert line.startswith("web is down: its active machine web-old is not running")


def test_data_that_will_be_lost_is_warned_of() -> None:
    outputs = StackOutputs(
        servers={
            **output("web", data_disks={"pg": 64, "files": 64}).servers,
            **output("old", data_disks={"x": 1}).servers,
        }
    )
    present = replace(EMPTY, data_disks=DISKS)
    made = planned(WEB, outputs=outputs, inventory=present)
    assert made.warnings == []
    assert "! will be destroyed with all data" in made.summary.planned
    assert [(each.server, each.destroyed) for each in made.summary.servers] == [
        ("web", ("data disk files of web (64 MiB, with its snapshots)",)),
        ("old", ("data disk x of old (1 MiB, with its snapshots)",)),
    ]
