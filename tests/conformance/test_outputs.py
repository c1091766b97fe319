"""The stack's outputs: written by one version, read by it and by others, and never half-read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.operate import actions, status
from flakeship.state import outputs
from flakeship.state.outputs import SCHEMA
from flakeship.state.stack import Stack
from tests.conformance.stack import Deployed, refusal
from tests.unit.model.test_ledger import release

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

COMMANDS: dict[str, Callable[[Stack], object]] = {
    "status": status.status,
    "status --json": status.plain,
    "ssh": lambda stack: actions.login(stack, "web"),
    "verify": actions.verify,
    "sweep": actions.sweep,
}


def preview(deployed: Deployed) -> None:
    deployed.preview(release(2))


def test_keys_of_a_newer_version_survive(deployed: Deployed) -> None:
    before = deployed.up().outputs
    before["promoted"] = {"from": "staging"}
    before["servers"]["web"]["rollout"] = "switch"
    after = deployed.up(release(2)).outputs
    assert after["promoted"] == {"from": "staging"}
    assert after["servers"]["web"]["rollout"] == "switch"
    assert "rollout" not in after["servers"]["db"]
    assert after["servers"]["web"].keys() == before["servers"]["web"].keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_of_a_newer_version_are_in_nobodys_way(deployed: Deployed, command: str) -> None:
    run = deployed.up()
    deployed.case.world(deployed.patch, [*run.resources.values()])
    for part in (run.outputs, run.outputs["servers"]["web"], run.outputs["flakeship"]):
        part["later"] = {"any": 1}
    error = refusal(lambda: COMMANDS[command](deployed.stack))
    assert error is None or error.code == "login-impossible"


def newer(found: dict[str, Any]) -> None:
    found["flakeship"] |= {"schema": SCHEMA + 1, "version": "9.9"}


def test_a_newer_schema_is_refused_by_name_everywhere(deployed: Deployed) -> None:
    newer(deployed.up().outputs)
    before = copy.deepcopy(deployed.last.outputs)
    for act in (preview, *(on_stack(each) for each in COMMANDS.values())):
        with pytest.raises(FlakeshipError) as caught:
            act(deployed)
        assert (caught.value.code, caught.value.key) == ("outputs-newer", "stack dev")
        assert "Flakeship 9.9" in caught.value.what
    assert deployed.last.outputs == before


def on_stack(command: Callable[[Stack], object]) -> Callable[[Deployed], object]:
    return lambda deployed: command(deployed.stack)


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a header that is no object": lambda found: found.update(flakeship=7),
    "a schema that is no number": lambda found: found["flakeship"].update(schema="one"),
    "an unknown target": lambda found: found["flakeship"].update(target="moon"),
    "a ledger that is no list": lambda found: found.update(releases=3),
    "a release that is none": lambda found: found.update(releases=[{"name": "web"}]),
    "servers that are a list": lambda found: found.update(servers=[1]),
    "a server that is text": lambda found: found["servers"].update(web="here"),
    "a server without a machine": lambda found: found["servers"]["web"].pop("machine"),
    "a machine that is no id": lambda found: found["servers"]["web"].update(machine="web"),
    "running that is a list": lambda found: found.update(running=[1]),
    "a release that runs and is in no ledger": lambda found: found["running"].update(web="web-x"),
}
ALWAYS = [*BROKEN][:2] + [*BROKEN][3:8] + ["running that is a list"]
"""What nobody can go on with; with the others some commands may."""


@pytest.mark.parametrize("broken", BROKEN)
def test_outputs_that_nobody_wrote_are_one_clear_line(deployed: Deployed, broken: str) -> None:
    run = deployed.up()
    deployed.case.world(deployed.patch, [*run.resources.values()])
    BROKEN[broken](run.outputs)
    for name, act in {"preview": preview, **{k: on_stack(v) for k, v in COMMANDS.items()}}.items():
        error = refusal(partial(act, deployed))
        if error:
            assert "\n" not in str(error), name
            assert error.key or error.remedy, name
        else:
            assert broken not in ALWAYS, name


@pytest.mark.parametrize("wrong", ["text", 3, [1], {"nonesuch": {"deep": [1]}}, None])
@pytest.mark.parametrize("part", ["stack", "server", "machines"])
def test_a_targets_own_part_that_it_did_not_write_is_one_clear_line(
    deployed: Deployed, part: str, wrong: Any
) -> None:
    run = deployed.up()
    deployed.case.world(deployed.patch, [*run.resources.values()])
    match part:
        case "stack":
            run.outputs[deployed.target] = wrong
        case "server":
            run.outputs["servers"]["web"][deployed.target] = wrong
        case "machines":
            run.outputs["machines"] = wrong
    for name, act in {"preview": preview, **{k: on_stack(v) for k, v in COMMANDS.items()}}.items():
        if error := refusal(partial(act, deployed)):
            assert error.code in {"outputs-unreadable", "login-impossible"}, name
            assert "\n" not in str(error), name


def test_what_a_run_writes_is_of_this_schema(deployed: Deployed) -> None:
    found = outputs.read(deployed.up().outputs, "dev")
    assert found.schema == SCHEMA
    assert found.unknown == {}
    assert found.unknown_of_servers == {"web": {}, "db": {}}


def test_keys_that_a_ledger_does_not_have_are_recorded_and_change_nothing_else(
    deployed: Deployed,
) -> None:
    key = AuthorizedKey("SHA256:" + "A" * 43, "somebody")
    known = replace(release(1), keys=(key,))
    before = copy.deepcopy(deployed.up())
    before.outputs["releases"][0]["release"].pop("keys")
    deployed.last = copy.deepcopy(before)
    for _ in range(2):
        after = deployed.up(known)
        assert after.resources.keys() == before.resources.keys()
        assert {each.change for each in after.resources.values()} == {"same"}
        assert after.outputs["releases"][0]["release"]["keys"] == [plain(key)]
