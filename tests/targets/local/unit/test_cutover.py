from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeship.targets.local import cutover, host, ssh_config
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.machine_record import MachineRecord, save
from tests.targets.local.unit.qemu_world import KEY, MACHINES, World, move, refusal, world

OLD, NEW = "web-aaaa-1", "web-bbbb-1"
STEPS = [
    f"{OLD}: unmount pg",
    f"{OLD}: device_del",
    f"{OLD}: blockdev-del",
    f"{NEW}: blockdev-add",
    f"{NEW}: device_add",
    f"{NEW}: mount pg",
    f"{OLD}: hostfwd_remove net0 tcp:127.0.0.1:18080",
    f"{NEW}: hostfwd_add net0 tcp:127.0.0.1:18080-:80",
    f"{OLD}: hostfwd_remove net0 tcp:127.0.0.1:18443",
    f"{NEW}: hostfwd_add net0 tcp:127.0.0.1:18443-:443",
    f"name web = {NEW}",
    f"active = {NEW}",
]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """An active old machine and a verified new one."""
    with world(monkeypatch, tmp_path) as made:
        monkeypatch.setattr(host, "free", lambda _: True)
        made.add(OLD)
        run(made, OLD)
        made.add(NEW)
        made.steps.clear()
        made.logins.clear()
        yield made


def run(here: World, machine: str, **other: object) -> Cutover:
    return cutover.cutover(move(machine, **other), lambda _: None, here.login)


def test_moves_disks_then_ports_then_the_name(here: World) -> None:
    said: list[str] = []
    result = cutover.cutover(move(NEW), said.append, here.login)
    assert here.steps == STEPS
    assert result == Cutover("web", NEW, OLD, {18080: 80, 18443: 443})
    assert Path(".state/dev/active/web").read_text() == f"{NEW}\n"
    assert ssh_config.names(Path(".state/dev/ssh_config"))["web"].machine == NEW
    assert len(said) == 1
    assert said[0].startswith(f"web: now {NEW} from {OLD}, 18080, 18443, ")


@pytest.mark.parametrize("late", [False, True], ids=["refused", "done but reported as failed"])
@pytest.mark.parametrize("step", STEPS)
def test_goes_back_wherever_it_fails(here: World, step: str, *, late: bool) -> None:
    before = here.state()
    here.fails, here.late = {step}, late
    said = refusal(lambda: run(here, NEW))
    assert said == (
        f"the cut-over of web to {NEW} failed: {step} failed; {OLD} is active as before"
    )
    assert here.state() == before
    assert run(here, NEW).machine == NEW


def test_goes_back_when_the_first_machine_cannot_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with world(monkeypatch, tmp_path) as made:
        monkeypatch.setattr(host, "free", lambda _: True)
        made.add(OLD)
        before = made.state()
        made.fails = {f"active = {OLD}"}
        assert "nothing is active as before" in refusal(lambda: run(made, OLD))
        assert made.state() == before


def test_says_when_the_way_back_fails_too(here: World) -> None:
    here.fails = {f"{NEW}: device_add", f"{OLD}: device_add"}
    assert refusal(lambda: run(here, NEW)) == (
        f"the cut-over of web to {NEW} failed: {NEW}: device_add failed; "
        f"the way back to {OLD} failed too: {OLD}: device_add failed"
    )


def test_a_second_run_changes_nothing(here: World) -> None:
    run(here, NEW)
    state = here.state()
    here.steps.clear()
    assert run(here, NEW) == Cutover("web", NEW, "", {18080: 80, 18443: 443})
    assert here.steps == [f"name web = {NEW}", f"active = {NEW}"]
    assert here.state() == state


def test_a_failing_second_run_takes_nothing_away(here: World) -> None:
    run(here, NEW)
    before = here.state()
    here.fails = {f"active = {NEW}"}
    refusal(lambda: run(here, NEW))
    assert here.state() == before


def test_a_restarted_machine_gets_its_ports_and_disks_back(here: World) -> None:
    old = here.machines[OLD]
    for here_port in (18080, 18443):
        del old.forwards[here_port]
    old.mounted.clear()
    run(here, OLD)
    assert here.steps == [
        f"{OLD}: mount pg",
        f"{OLD}: hostfwd_add net0 tcp:127.0.0.1:18080-:80",
        f"{OLD}: hostfwd_add net0 tcp:127.0.0.1:18443-:443",
        f"name web = {OLD}",
        f"active = {OLD}",
    ]


def test_a_dead_old_machine_needs_nothing(here: World) -> None:
    del here.machines[OLD]
    assert run(here, NEW).previous == OLD
    assert not [step for step in here.steps if step.startswith(OLD)]
    assert here.machines[NEW].mounted == {"pg"}


def test_a_dead_new_machine_moves_nothing(here: World) -> None:
    del here.machines[NEW]
    before = here.state()
    said = refusal(lambda: run(here, NEW))
    assert said == (
        f"{NEW} does not run (any more): nothing was moved and {OLD} is active; "
        "`pulumi up` starts it again"
    )
    assert here.state() == before


def test_continues_what_a_killed_run_left(here: World) -> None:
    old, new = here.machines[OLD], here.machines[NEW]
    old.mounted.clear()
    new.disks, new.nodes, new.mounted = old.disks, old.nodes, {"pg"}
    old.disks, old.nodes = {}, {}
    new.forwards[18080] = old.forwards.pop(18080)
    run(here, NEW)
    assert here.steps == STEPS[-4:]


def test_a_killed_run_that_cannot_be_completed_goes_back(here: World) -> None:
    before = here.state()
    old, new = here.machines[OLD], here.machines[NEW]
    old.mounted.clear()
    new.disks, new.nodes, new.mounted = old.disks, old.nodes, {"pg"}
    old.disks, old.nodes = {}, {}
    new.forwards[18080] = old.forwards.pop(18080)
    here.fails = {f"active = {NEW}"}
    refusal(lambda: run(here, NEW))
    assert here.state() == before


def test_what_is_no_longer_declared_goes(here: World) -> None:
    run(here, OLD, forwards={18080: 8080}, disks={})
    old = here.machines[OLD]
    assert old.disks == old.nodes == {}
    assert old.mounted == set()
    assert {here for here in old.forwards if here < 20000} == {18080}
    assert old.forwards[18080] == 8080


def test_a_port_of_somebody_else_is_named_before_anything_moves(
    monkeypatch: pytest.MonkeyPatch, here: World
) -> None:
    before = here.state()
    monkeypatch.setattr(host, "free", lambda port: port != 18090)
    monkeypatch.setattr(host, "holder", lambda _: "nginx (pid 42)")
    said = refusal(lambda: run(here, NEW, forwards={18080: 80, 18090: 90}))
    assert said == (
        "port 18090 of 127.0.0.1, declared by web, is held by nginx (pid 42): "
        "nothing was moved; stop it or declare another port"
    )
    assert here.state() == before


def held(monkeypatch: pytest.MonkeyPatch, here: World) -> None:
    """A port is free where no machine has it."""
    monkeypatch.setattr(
        host, "free", lambda port: all(port not in m.forwards for m in here.machines.values())
    )


def test_a_port_of_another_server_of_the_stack_is_taken(
    monkeypatch: pytest.MonkeyPatch, here: World
) -> None:
    held(monkeypatch, here)
    api = here.add("api-aaaa-1")
    made = {"server": "api", "active": ".state/dev/active/api", "disks": {}, "forwards": {18080: 1}}
    before = here.state()
    here.fails = {"active = api-aaaa-1"}
    refusal(lambda: run(here, "api-aaaa-1", **made))
    assert here.state() == before
    run(here, "api-aaaa-1", **made)
    assert api.forwards[18080] == 1
    assert 18080 not in here.machines[OLD].forwards


def test_two_servers_swap_their_ports(monkeypatch: pytest.MonkeyPatch, here: World) -> None:
    held(monkeypatch, here)
    api = here.add("api-aaaa-1")
    made = {"server": "api", "active": ".state/dev/active/api", "disks": {}}
    run(here, "api-aaaa-1", **made, forwards={19090: 1})
    run(here, NEW, forwards={19090: 80})
    run(here, "api-aaaa-1", **made, forwards={18080: 1})
    assert here.machines[NEW].forwards[19090] == 80
    assert (api.forwards[18080], 19090 in api.forwards) == (1, False)


def test_logs_in_to_the_old_machine_with_its_own_keys(here: World) -> None:
    run(here, NEW, user="other", host_keys=["ssh-ed25519 NEWKEY"])
    old, new = here.logins
    assert (old[0].name, old[0].user, tuple(old[1])) == (OLD, "nixos", (KEY,))
    assert (new[0].name, new[0].user, tuple(new[1])) == (NEW, "other", ("ssh-ed25519 NEWKEY",))


def test_without_disks_nobody_logs_in(here: World) -> None:
    run(here, OLD, disks={})
    here.logins.clear()
    run(here, NEW, disks={})
    assert here.logins == []


def test_another_hosts_machine_is_refused(here: World) -> None:
    save(MACHINES / NEW, MachineRecord(NEW, 1, "tcg", {22: 1}, "elsewhere-1"))
    assert "lives on the host elsewhere-1" in refusal(lambda: run(here, NEW))
    assert here.steps == []


def test_remove_takes_the_name_and_the_declared_ports(here: World) -> None:
    own = {61022: 22, 61080: 80}
    cutover.remove(move(OLD))
    assert here.machines[OLD].forwards == own
    left = {path.name for path in Path(".state/dev").iterdir()}
    assert left == {"machines"}
    cutover.remove(move(OLD))


def test_another_host_is_refused(here: World) -> None:
    for refused in (
        refusal(lambda: run(here, NEW, lives_on="elsewhere")),
        refusal(lambda: cutover.remove(move(OLD, lives_on="elsewhere"))),
    ):
        assert "web lives on the host elsewhere" in refused
    assert here.steps == []
