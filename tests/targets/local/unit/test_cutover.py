"""What a cutover does to machines and files, and that it goes back wherever it fails."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.checks import Check
from flakeship.model.ports import Port, with_ssh
from flakeship.system import tcp
from flakeship.targets.local import cutover, ssh_config, workstation
from flakeship.targets.local.disk_snapshots import DiskSnapshot
from flakeship.targets.local.machine_state import MachineRecord, save
from flakeship.targets.local.resources import Cutover, SshLogin, VerifyMachineRequest
from flakeship.verify.request import VerifyRequest
from tests.targets.local.unit.qemu_world import (
    FILES,
    KEY,
    World,
    cutover_request,
    refusal,
    world,
)

OLD, NEW = "web-aaaa-1", "web-bbbb-1"
STEPS = [
    f"{OLD}: unmount pg",
    f"{OLD}: device_del",
    f"{OLD}: blockdev-del",
    "snapshot pg",
    f"{NEW}: blockdev-add",
    f"{NEW}: device_add",
    f"{NEW}: mount pg",
    f"{OLD}: hostfwd_remove net0 tcp:127.0.0.1:18080",
    f"{NEW}: hostfwd_add net0 tcp:127.0.0.1:18080-:80",
    f"{OLD}: hostfwd_remove net0 tcp:127.0.0.1:18443",
    f"{NEW}: hostfwd_add net0 tcp:127.0.0.1:18443-:443",
    f"ssh_config web = {NEW}",
    f"active = {NEW}",
    "cutovers = 0",
]
RECORDS = STEPS[-3:]
API = {"server": "api", "data_disks": {}}


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """An active old machine and a verified new one."""
    with world(monkeypatch, tmp_path) as made:
        made.add(OLD)
        run(OLD)
        made.add(NEW)
        made.steps.clear()
        made.logins.clear()
        yield made


def run(machine: str, **other: Any) -> Cutover:
    return cutover.cutover(cutover_request(machine, **other))


def kill_half_way(simulated: World) -> None:
    """What a run leaves that was killed after it had moved the disk and one port."""
    old, new = simulated.machines[OLD], simulated.machines[NEW]
    old.mounted.clear()
    new.disks, new.nodes = old.disks, old.nodes
    simulated.snapshots["pg"] = {NEW: simulated.contents["pg"]}
    new.mount("pg")
    old.disks, old.nodes = {}, {}
    new.forwards[18080] = old.forwards.pop(18080)


def test_moves_disks_then_ports_then_the_name(
    simulated: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        result = run(NEW)
    assert simulated.steps == STEPS
    assert result == Cutover("web", NEW, OLD, {18080: 80, 18443: 443})
    assert FILES.active_machine("web") == NEW
    assert ssh_config.hosts(FILES.ssh_config)["web"].machine == NEW
    (line,) = caplog.messages
    assert line.startswith(f"web: now {NEW} from {OLD}, 18080, 18443, ")
    assert line.endswith(" ms unanswered")


@pytest.mark.parametrize("late", [False, True], ids=["refused", "done but reported as failed"])
@pytest.mark.parametrize("step", STEPS)
def test_goes_back_wherever_it_fails(simulated: World, step: str, *, late: bool) -> None:
    before = simulated.state()
    simulated.fails, simulated.late = {step}, late
    error = refusal(lambda: run(NEW))
    assert (error.code, error.key) == ("cutover-failed", "web")
    assert f"{step}: injected" in error.what
    assert error.details == (f"{OLD} is active as before",)
    assert simulated.state() == before
    assert run(NEW).machine == NEW


def data_checks(machine: str, run: str) -> VerifyMachineRequest:
    checks = [Check(name="data", run=run, needs_data=True)]
    ports = with_ssh([Port(port=80)])
    verified = VerifyRequest(machine, ports, "nixos", "", "/nix/store/x", 64, checks=checks)
    return VerifyMachineRequest(verified, {}, "10.3.4.0/24", "console.log")


@pytest.mark.parametrize(
    ("former_check", "code"),
    [("mounted pg", "cutover-failed"), ("mounted other", "rollback-failed")],
)
def test_the_former_machine_passes_its_own_checks_again(
    simulated: World, former_check: str, code: str
) -> None:
    known = replace(run(OLD), data_checks=data_checks(OLD, former_check))
    before = simulated.state()
    request = cutover_request(NEW, data_checks=data_checks(NEW, "mounted nothing"))
    error = refusal(lambda: cutover.cutover(request, codec.dump(known)))
    assert error.code == code
    assert "✗ data" in str(error.details)
    assert simulated.state() == before
    assert ("DOES NOT SERVE" in str(error)) is (code == "rollback-failed")


def test_the_first_machine_interrupts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with world(monkeypatch, tmp_path) as made, caplog.at_level(logging.INFO):
        made.add(OLD)
        run(OLD)
    assert caplog.messages == [f"web: now {OLD}, 18080, 18443"]


def test_goes_back_when_the_first_machine_cannot_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with world(monkeypatch, tmp_path) as made:
        made.add(OLD)
        before = made.state()
        made.fails = {f"active = {OLD}"}
        error = refusal(lambda: run(OLD))
        assert error.details == ("no machine is active as before",)
        assert made.state() == before


def test_goes_back_when_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, simulated: World
) -> None:
    before, put = simulated.state(), ssh_config.put

    def interrupted(config: Path, host: ssh_config.SshHost) -> None:
        put(config, host)
        if host.machine == NEW:
            raise KeyboardInterrupt

    monkeypatch.setattr(ssh_config, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(NEW)
    assert simulated.state() == before


def test_reports_that_undoing_failed_too(simulated: World) -> None:
    simulated.fails = {f"{NEW}: device_add", f"{OLD}: device_add"}
    error = refusal(lambda: run(NEW))
    assert error.code == "rollback-failed"
    assert f"{NEW}: device_add: injected" in error.what
    assert f"{OLD}: device_add: injected" in error.details[-1]


def test_a_second_run_changes_nothing(simulated: World) -> None:
    run(NEW)
    state = simulated.state()
    simulated.steps.clear()
    assert run(NEW) == Cutover("web", NEW, "", {18080: 80, 18443: 443})
    assert simulated.steps == RECORDS
    assert simulated.state() == state


def test_a_failing_second_run_takes_nothing_away(simulated: World) -> None:
    run(NEW)
    before = simulated.state()
    simulated.fails = {f"active = {NEW}"}
    refusal(lambda: run(NEW))
    assert simulated.state() == before


def test_a_restarted_machine_gets_its_ports_and_disks_back(simulated: World) -> None:
    old = simulated.machines[OLD]
    for host_port in (18080, 18443):
        del old.forwards[host_port]
    old.mounted.clear()
    run(OLD)
    assert simulated.steps == [
        f"{OLD}: mount pg",
        f"{OLD}: hostfwd_add net0 tcp:127.0.0.1:18080-:80",
        f"{OLD}: hostfwd_add net0 tcp:127.0.0.1:18443-:443",
        f"ssh_config web = {OLD}",
        f"active = {OLD}",
        "cutovers = 0",
    ]


def test_a_dead_old_machine_needs_nothing(simulated: World) -> None:
    del simulated.machines[OLD]
    assert run(NEW).previous == OLD
    assert not [step for step in simulated.steps if step.startswith(OLD)]
    assert simulated.machines[NEW].mounted == {"pg"}


def test_a_dead_new_machine_moves_nothing(simulated: World) -> None:
    del simulated.machines[NEW]
    before = simulated.state()
    error = refusal(lambda: run(NEW))
    assert (error.code, error.key) == ("machine-not-running", NEW)
    assert f"{OLD} is active" in error.what
    assert simulated.state() == before


def test_continues_what_a_killed_run_left(simulated: World) -> None:
    kill_half_way(simulated)
    run(NEW)
    assert simulated.steps == STEPS[-5:]


@pytest.mark.parametrize("step", STEPS[-5:])
def test_a_killed_run_that_cannot_be_completed_goes_back(simulated: World, step: str) -> None:
    before = simulated.state()
    kill_half_way(simulated)
    simulated.fails = {step}
    refusal(lambda: run(NEW))
    assert simulated.state() == before


def test_what_is_no_longer_declared_goes(simulated: World) -> None:
    run(OLD, forwards={18080: 8080}, data_disks={})
    old = simulated.machines[OLD]
    assert old.disks == old.nodes == {}
    assert old.mounted == set()
    assert {port for port in old.forwards if port < 20000} == {18080}
    assert old.forwards[18080] == 8080


def test_a_port_of_another_process_is_refused_before_anything_moves(
    monkeypatch: pytest.MonkeyPatch, simulated: World
) -> None:
    before = simulated.state()
    monkeypatch.setattr(tcp, "is_free", lambda port: port != 18090)
    monkeypatch.setattr(workstation, "port_holder", lambda _: workstation.Holder("nginx", 42))
    error = refusal(lambda: run(NEW, forwards={18080: 80, 18090: 90}))
    assert error.code == "host-port-taken"
    assert error.key == "port 18090 of 127.0.0.1"
    assert "nginx (pid 42)" in error.what
    assert simulated.state() == before


def only_simulated_ports_are_taken(monkeypatch: pytest.MonkeyPatch, simulated: World) -> None:
    machines = simulated.machines
    monkeypatch.setattr(
        tcp, "is_free", lambda port: all(port not in m.forwards for m in machines.values())
    )


def test_a_port_of_another_server_of_the_stack_is_taken_over(
    monkeypatch: pytest.MonkeyPatch, simulated: World
) -> None:
    only_simulated_ports_are_taken(monkeypatch, simulated)
    api = simulated.add("api-aaaa-1")
    before = simulated.state()
    simulated.fails = {"active = api-aaaa-1"}
    refusal(lambda: run("api-aaaa-1", **API, forwards={18080: 1}))
    assert simulated.state() == before
    run("api-aaaa-1", **API, forwards={18080: 1})
    assert api.forwards[18080] == 1
    assert 18080 not in simulated.machines[OLD].forwards


def test_two_servers_swap_their_ports(monkeypatch: pytest.MonkeyPatch, simulated: World) -> None:
    only_simulated_ports_are_taken(monkeypatch, simulated)
    api = simulated.add("api-aaaa-1")
    run("api-aaaa-1", **API, forwards={19090: 1})
    run(NEW, forwards={19090: 80})
    run("api-aaaa-1", **API, forwards={18080: 1})
    assert simulated.machines[NEW].forwards[19090] == 80
    assert (api.forwards[18080], 19090 in api.forwards) == (1, False)


def test_logs_in_to_the_old_machine_with_its_own_keys(simulated: World) -> None:
    run(NEW, ssh=SshLogin(61023, "other", host_keys=("ssh-ed25519 NEWKEY",)))
    old, new = simulated.logins
    assert (old[0].name, old[0].user, tuple(old[1])) == (OLD, "nixos", (KEY,))
    assert (new[0].name, new[0].user, tuple(new[1])) == (NEW, "other", ("ssh-ed25519 NEWKEY",))


def test_without_disks_nobody_logs_in(simulated: World) -> None:
    run(OLD, data_disks={})
    simulated.logins.clear()
    run(NEW, data_disks={})
    assert simulated.logins == []


def test_a_machine_of_another_workstation_is_refused(simulated: World) -> None:
    save(FILES.machine(NEW), MachineRecord(NEW, 1, "tcg", {22: 1}, "elsewhere-1"))
    assert refusal(lambda: run(NEW)).code == "workstation-mismatch"
    assert simulated.steps == []


def test_remove_takes_the_name_and_the_declared_ports(simulated: World) -> None:
    own = {61022: 22, 61080: 80}
    cutover.remove(cutover_request(OLD))
    assert simulated.machines[OLD].forwards == own
    left = {path.name for path in FILES.directory.iterdir()}
    assert left == {"machines"}
    cutover.remove(cutover_request(OLD))


def test_a_server_of_another_workstation_is_refused(simulated: World) -> None:
    for error in (
        refusal(lambda: run(NEW, workstation="elsewhere")),
        refusal(lambda: cutover.remove(cutover_request(OLD, workstation="elsewhere"))),
    ):
        assert (error.code, error.key) == ("workstation-mismatch", "web")
        assert error.allowed == "elsewhere"
    assert simulated.steps == []


@pytest.mark.usefixtures("simulated")
def test_a_moved_checkout_keeps_its_images_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, Path]] = []
    monkeypatch.setattr("flakeship.nix.store.keep", lambda path, link: kept.append((path, link)))
    image, root = FILES.machine(OLD) / "image", FILES.roots / "host-1"
    root.parent.mkdir()
    kept_path = Path.cwd().parent
    for link in (image, root):
        link.symlink_to(kept_path)
    root.with_name("collected").symlink_to("/nix/store/no-image")
    run(OLD)
    assert kept == []
    Path("moved").mkdir()
    Path(".state").rename("moved/.state")
    monkeypatch.chdir("moved")
    run(OLD)
    assert kept == [(str(kept_path), image), (str(kept_path), root)]


def restore(simulated: World, snapshot: str, **other: Any) -> None:
    taken = [DiskSnapshot(name, datetime.now()) for name in simulated.snapshots["pg"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutover, "snapshots", lambda _: taken)
        cutover.restore_snapshot(cutover_request(NEW, **other), "pg", snapshot)


def test_a_snapshot_is_restored_while_the_machine_runs(simulated: World) -> None:
    run(NEW)
    assert simulated.snapshots["pg"][NEW] == OLD
    simulated.steps.clear()
    restore(simulated, NEW)
    assert [step for step in simulated.steps if "mount" in step] == [
        f"{NEW}: unmount pg",
        f"{NEW}: mount pg",
    ]
    (saved,) = simulated.snapshots["pg"].keys() - {OLD, NEW}
    assert saved.startswith("before-restore-")
    assert simulated.snapshots["pg"][saved] == NEW


def test_a_restored_disk_that_fails_its_checks_is_as_before(simulated: World) -> None:
    run(NEW)
    simulated.contents["pg"] = "precious"
    error = refusal(
        lambda: restore(simulated, NEW, data_checks=data_checks(NEW, "mounted nothing"))
    )
    assert (error.code, error.key) == ("cutover-failed", "web")
    assert "precious" in simulated.restored
    assert simulated.machines[NEW].mounted == {"pg"}


def test_a_snapshot_that_is_not_there(simulated: World) -> None:
    run(NEW)
    simulated.steps.clear()
    error = refusal(lambda: restore(simulated, "web-none"))
    assert (error.code, error.key, error.given) == ("snapshot-missing", "web", "web-none")
    assert NEW in error.allowed
    assert simulated.steps == []
