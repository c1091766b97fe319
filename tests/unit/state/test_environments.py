"""All stacks of a project: one that cannot be read is a line, and not the end of the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.state import environments, outputs
from flakeship.state import stack as stack_module
from flakeship.state.environments import Environment, ordered
from flakeship.system.process import Result
from tests.unit.model.test_ledger import KNOWN

RELEASES = [plain(each) for each in KNOWN]
DESTROYED = [{"kind": "destroy", "endTime": "2026-11-28T15:29:12.000Z"}]


def state(stack: str, **stored: Any) -> dict[str, Any]:
    root = {
        "urn": f"urn:pulumi:{stack}::p::pulumi:pulumi:Stack::p-{stack}",
        "type": "pulumi:pulumi:Stack",
        "outputs": {"flakeship": outputs.header("fake"), "running": {}, **stored},
    }
    return {"deployment": {"resources": [root]}}


def verified(stack: str, source: str = "") -> dict[str, Any]:
    header = outputs.header("fake", source)
    running = {"web": "web-33333333"}
    return state(stack, flakeship=header, running=running, releases=RELEASES)


class Pulumi:
    """What it would answer. What is no value of a state is the message of a failure."""

    def __init__(
        self,
        states: Mapping[str, Any],
        config: Mapping[str, Any] | None = None,
        history: Mapping[str, Any] | None = None,
    ) -> None:
        self.states, self.config, self.history = states, config or {}, history or {}
        self.ran: list[Sequence[str]] = []

    def run(self, argv: Sequence[str], **_: object) -> Result:
        self.ran.append(argv)
        stack = argv[-1].removeprefix("--stack=")
        match argv[1:3]:
            case ["stack", "ls"]:
                found: Any = [{"name": name} for name in self.states]
            case ["stack", "export"]:
                found = self.states[stack]
            case ["stack", "history"]:
                found = self.history.get(stack, [])
            case ["config", _]:
                found = {
                    key: {"value": value, "secret": False}
                    for key, value in self.config.get(stack, {}).items()
                }
            case _:
                raise AssertionError(argv)
        if isinstance(found, str):
            raise CommandError("`pulumi` failed", 255, f"warning: x\nerror: {found}")
        return Result(0, json.dumps(found), "")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: servers\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///backend")


def read(monkeypatch: pytest.MonkeyPatch, pulumi: Pulumi) -> dict[str, Environment]:
    monkeypatch.setattr(environments, "run", pulumi.run)
    monkeypatch.setattr(stack_module, "run", pulumi.run)
    return {each.name: each for each in environments.read_all().environments}


def codes(found: Mapping[str, Environment]) -> dict[str, str]:
    return {name: each.problem.code if each.problem else "" for name, each in found.items()}


def test_every_stack_in_the_order_of_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {
        "prod": verified("prod", "organization/servers/staging"),
        "qa": verified("qa", "dev"),
        "staging": verified("staging", "dev"),
        "dev": verified("dev"),
        "acme/lab": verified("lab"),
    }
    pulumi = Pulumi(states)
    found = read(monkeypatch, pulumi)
    assert [*found] == ["dev", "qa", "staging", "prod", "lab"]
    assert [each.promote_from for each in found.values()] == ["", "dev", "dev", "staging", ""]
    assert set(codes(found).values()) == {""}
    assert found["lab"].stack
    assert (found["lab"].stack.name, found["lab"].stack.outputs.target) == ("acme/lab", "fake")
    # the states say it all
    assert {tuple(argv[1:3]) for argv in pulumi.ran} == {("stack", "ls"), ("stack", "export")}


def test_what_has_no_verified_release_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    empty: dict[str, Any] = {"deployment": {"manifest": {}}}
    states = {
        "dev": verified("dev"),
        "failed": state("failed"),
        "gone": empty,
        "new": empty,
        "newer": state("newer", flakeship={"schema": 99, "version": "9.0"}),
        "broken": state("broken", running={"web": "../x"}),
        "locked": "failed to load the stack: permission denied",
        "..": empty,
    }
    found = read(monkeypatch, Pulumi(states, history={"gone": DESTROYED}))
    assert codes(found) == {
        "..": "stack-name-invalid",
        "broken": "outputs-unreadable",
        "dev": "",
        "failed": "nothing-verified",
        "gone": "stack-destroyed",
        "locked": "stack-unavailable",
        "new": "stack-never-deployed",
        "newer": "outputs-newer",
    }
    assert {name for name, each in found.items() if each.stack is None} == {
        *("..", "broken", "locked", "newer")
    }
    assert found["locked"].problem
    assert found["locked"].problem.what.endswith("permission denied")
    assert found["gone"].problem
    assert "2026-11-28" in found["gone"].problem.what


def test_before_a_deployment_the_settings_say_what_is_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {
        "prod": {environments.PROMOTE_FROM: "dev"},
        "far": {environments.PROMOTE_FROM: "organization/other/dev"},
    }
    stacks: dict[str, Any] = {name: {"deployment": {}} for name in ("dev", "prod", "far")}
    found = read(monkeypatch, Pulumi(stacks, config))
    assert found["prod"].promote_from == "dev"
    assert found["far"].promote_from == "organization/other/dev"
    assert [*found] == ["dev", "prod", "far"]


def test_settings_that_cannot_be_read_leave_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi = Pulumi({"dev": verified("dev"), "new": {"deployment": {}}})

    def run(argv: Sequence[str], **given: object) -> Result:
        if argv[1] == "config":
            raise CommandError("`pulumi config` failed", 255, "error: no passphrase")
        return pulumi.run(argv, **given)

    monkeypatch.setattr(environments, "run", run)
    monkeypatch.setattr(stack_module, "run", run)
    dev, new = environments.read_all().environments
    assert dev.problem is None
    assert new.stack
    assert new.problem
    assert new.problem.code == "command-failed"


STATED = {"revocations": [{"release": "web-33333333", "why": "x", "by": "a@b", "at": "2026-11-28"}]}


@pytest.mark.parametrize(
    ("stored", "revoked", "code"),
    [(STATED, True, ""), ({"revocations": 5}, False, "statements-unreadable")],
)
def test_what_is_stated_about_releases_is_no_environment(
    monkeypatch: pytest.MonkeyPatch, stored: dict[str, Any], revoked: bool, code: str
) -> None:
    held = state("flakeship-statements", **stored)
    del held["deployment"]["resources"][0]["outputs"]["flakeship"]
    del held["deployment"]["resources"][0]["outputs"]["running"]
    pulumi = Pulumi({"dev": verified("dev"), "acme/flakeship-statements": held})
    monkeypatch.setattr(environments, "run", pulumi.run)
    monkeypatch.setattr(stack_module, "run", pulumi.run)
    found = environments.read_all()
    assert [each.name for each in found.environments] == ["dev"]
    assert bool(found.statements.revoked("web-33333333")) == revoked
    assert (found.problem.code if found.problem else "") == code


def test_a_source_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(
        monkeypatch, Pulumi({"dev": verified("dev"), "prod": verified("prod", "stagging")})
    )
    problem = found["prod"].problem
    assert problem
    assert (problem.code, problem.given, problem.allowed) == (
        "promotion-source-unknown",
        "stagging",
        "dev",
    )
    assert [*found] == ["dev", "prod"]


@pytest.mark.parametrize(
    "sources", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}]
)
def test_a_cycle_ends(sources: dict[str, str]) -> None:
    cycle = [Environment(name, promote_from=source) for name, source in sources.items()]
    other = Environment("other", problem=FlakeshipError("x", code="x"))
    found = ordered([*cycle, Environment("dev"), other])
    assert [each.name for each in found] == ["dev", "other", *sorted(sources)]
    assert codes({each.name: each for each in found}) == {
        "dev": "",
        "other": "x",
        **dict.fromkeys(sources, "promotion-cycle"),
    }


def test_without_a_backend_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> Result:
        raise CommandError("`pulumi` failed", 255, "error: no Pulumi.yaml project file found")

    monkeypatch.setattr(environments, "run", run)
    with pytest.raises(FlakeshipError) as caught:
        environments.read_all()
    assert (caught.value.code, caught.value.what) == (
        "stack-unavailable",
        "no Pulumi.yaml project file found",
    )


def test_another_checkouts_stacks_are_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Pulumi.yaml").write_text("name: servers\n")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{other}/.state/backend")
    with pytest.raises(FlakeshipError) as caught:
        environments.read_all()
    assert caught.value.code == "other-checkout"
