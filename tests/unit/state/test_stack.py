"""The state of the selected stack, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.state import stack as module
from flakeship.state.locks import LockedError
from flakeship.state.outputs import header
from flakeship.state.resources import Kind
from flakeship.state.stack import Stack
from flakeship.system.process import Result

MACHINE: dict[str, Any] = {"urn": "urn::t::web-1", "type": "flakeship:local:Machine"}


def stack(*resources: Any) -> Stack:
    return Stack("dev", {"resources": [*resources]})


def test_resources_are_found_by_kind_and_subject() -> None:
    other = {"urn": "urn::t::web-1", "type": "flakeship:local:Server"}
    port, ports = {"urn": "urn::t::port-x", "type": "p"}, {"urn": "urn::t::ports-x", "type": "p"}
    component = {"urn": "urn::t::port-y", "type": "flakeship:local:Server"}
    found = stack(MACHINE, other, port, ports, component)
    machine, cloud = Kind("machine", "Machine"), Kind("port")
    assert list(found.of(machine)) == ["web-1"]
    assert list(found.of(cloud)) == ["x"]
    assert (machine.name("web-1"), cloud.name("x")) == ("web-1", "port-x")
    assert machine.key("web-1") == "machine-web-1"  # no two kinds have the same


def test_a_kind_is_the_whole_last_part_of_a_type() -> None:
    image, verification = Kind("published", "Image"), Kind("verification", "Verification")
    assert image.subject("flakeship:index:NixImage", "u::web") is None
    assert verification.subject("flakeship:openstack:EphemeralVerification", "u::web") == "web"


def test_a_resources_request_and_result_are_values() -> None:
    made = {
        **MACHINE,
        "inputs": {"__defaults": [], "a": 1},
        "outputs": {"a": 1, "result": {"b": 2}},
    }
    resource = stack(made).resources[0]
    assert resource.request(dict[str, int]) == {"a": 1}
    assert resource.result(dict[str, int]) == {"b": 2}


def test_secret_outputs_are_left_out_as_they_are_encrypted() -> None:
    encrypted = {"4dabf18193072939515e22adb298388d": "1b47", "ciphertext": "v1:x"}
    state = {"urn": "u", "type": "pulumi:pulumi:Stack"}
    outputs = {"flakeship": header("local"), "running": {"web": "web-1"}, "machines": encrypted}
    found = stack({**state, "outputs": outputs})
    assert found.outputs.running == {"web": "web-1"}
    assert "machines" not in found.raw_outputs


@pytest.mark.parametrize("deployment", [{}, {"resources": None}, {"resources": [MACHINE]}])
def test_a_stack_that_never_ran_has_no_outputs(deployment: dict[str, Any]) -> None:
    assert Stack("dev", deployment).outputs.running == {}


def test_secret_outputs_are_left_out() -> None:
    """In a state they are encrypted; only the program gets them decrypted."""
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    held = {"running": {}, "machines": {**secret, "ciphertext": "v1:abc"}}
    found = stack({**MACHINE, "type": "pulumi:pulumi:Stack", "outputs": held})
    assert found.raw_outputs == {"running": {}}
    assert found.outputs.machines == {}


@pytest.mark.parametrize("resource", [{"type": "t"}, "text", {"urn": "u", "inputs": 3}])
def test_a_state_that_cannot_be_read_is_one_error(resource: Any) -> None:
    with pytest.raises(FlakeshipError) as caught:
        _ = stack(resource).resources
    assert (caught.value.code, caught.value.key) == ("state-unreadable", "stack dev")
    assert "pulumi stack import" in caught.value.remedy


def test_a_result_that_cannot_be_read_names_its_resource() -> None:
    resource = stack({**MACHINE, "outputs": {"result": {"a": 1}}}).resources[0]
    with pytest.raises(FlakeshipError) as caught:
        resource.result(Evidence)
    assert (caught.value.code, caught.value.key) == ("state-unreadable", "web-1")


def test_without_a_stack_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: list[str], **__: object) -> Result:
        raise CommandError("`pulumi stack` failed", 255, "warning: x\nerror: no stack selected")

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(FlakeshipError) as caught:
        module.selected()
    assert (caught.value.code, caught.value.what) == ("stack-unavailable", "no stack selected")
    assert "--stack" in caught.value.remedy


def test_operations_of_a_killed_run_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(module, "run", ran.append)
    monkeypatch.setattr(module, "selected", lambda: stack(MACHINE))
    left = Stack("dev", {"resources": [{"urn": "u::dev"}, MACHINE], "pending_operations": [{}]})
    assert module.without_pending(left) == stack(MACHINE)
    assert ran[0][-3:] == ["--stack", "dev", "--target=u::dev"]
    # nothing but that: refreshing the rest would change the state
    assert module.without_pending(Stack("dev", {"pending_operations": [{}]})) == stack(MACHINE)
    assert ran[1][-1] == "dev"


def test_a_state_without_such_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    (tmp_path / "Pulumi.yaml").write_text("name: servers\n")
    assert module.without_pending(stack(MACHINE)) == stack(MACHINE)


def test_a_backend_that_is_no_folder_tells_of_a_run_only_by_its_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(_: list[str], **__: object) -> Result:
        where = "postgres://state:hidden@db.example.com/state"
        message = f"error: the stack at {where} is currently locked by 1 lock(s)"
        raise CommandError("failed", 255, message)

    monkeypatch.setenv("PULUMI_BACKEND_URL", "postgres://state@db.example.com/state")
    monkeypatch.setattr(module, "run", run)
    with pytest.raises(LockedError) as caught:
        module.without_pending(stack(MACHINE))
    assert "db.example.com" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (
            'error: unable to open state database "postgres://state:hidden@db/state": failed to '
            'ping PostgreSQL: pq: password authentication failed for user "state" (28P01)',
            "password authentication failed",
        ),
        (
            "error: unable to open bucket s3://hidden:hidden@states: dial tcp: lookup db.invalid: "
            "no such host",
            "no such host",
        ),
        (
            'error: unable to open PostgreSQL database "postgres://state:hidden@db/state": failed '
            'to ping: cannot parse "postgres://state:hid@den/hidden@db/state": bad URL',
            "failed to ping: cannot parse",
        ),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during x sessions", "must be set"),
        ("error: read .pulumi/meta.yaml: dial tcp 192.0.2.1:5432: i/o timeout", "i/o timeout"),
    ],
)
def test_a_backend_that_cannot_be_used_is_one_line_without_its_password(
    message: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: list[str], **__: object) -> Result:
        raise CommandError("`pulumi stack` failed", 255, message)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "postgres://state:hid den/hidden@db/state")
    for act in (module.selected, lambda: module.clear_pending(stack(MACHINE))):
        with pytest.raises(FlakeshipError) as caught:
            act()
        assert (caught.value.code, caught.value.key) == (
            "backend-unavailable",
            "PULUMI_BACKEND_URL",
        )
        assert caught.value.given == "postgres://…@db/state"
        assert why in caught.value.what
        assert "hid" not in str(caught.value)


def test_a_run_under_way_may_have_nothing_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: servers\n")
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    for name, refused in (("prod", False), ("dev", True)):
        lock = tmp_path / ".pulumi/locks/organization/servers" / name / "1.json"
        lock.parent.mkdir(parents=True)
        lock.touch()
        if refused:
            with pytest.raises(LockedError):
                module.without_pending(stack(MACHINE))
        else:
            assert module.without_pending(stack(MACHINE)) == stack(MACHINE)


def test_a_run_under_way_holds_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: list[str], **__: object) -> Result:
        raise CommandError("failed", 255, "error: the stack is currently locked by 1 lock(s)")

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(FlakeshipError) as caught:
        module.without_pending(Stack("dev", {"pending_operations": [{}]}))
    assert (caught.value.code, caught.value.key) == ("stack-locked", "stack dev")
    assert "locked by 1 lock" in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        "error: incorrect passphrase",
        "error: failed to lock stack: write 1.json: no space left on device",
        "error: [409] Conflict: the stack has another version",
    ],
)
def test_another_failure_is_no_lock(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: list[str], **__: object) -> Result:
        raise CommandError("failed", 255, message)

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(CommandError):
        module.without_pending(Stack("dev", {"pending_operations": [{}]}))


@pytest.mark.parametrize("left", [[{}], 3, ["x"], [{"resource": {"urn": 3}, "type": "t"}]])
def test_operations_that_cannot_be_read_are_one_error(left: Any) -> None:
    with pytest.raises(FlakeshipError) as caught:
        _ = Stack("dev", {"pending_operations": left}).pending
    assert (caught.value.code, caught.value.key) == ("state-unreadable", "stack dev")
