"""The resources of a stack: their names, their types, and what waits for what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.local.graph import deploy
from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.model.release import Artifact, File
from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import Cutover
from tests.pulumi_mocks import COMMAND, Engine, run
from tests.targets.local.unit.test_plan import WEB, planned

KEY = "ssh-ed25519 AAAA"


Request = dict[str, Any]
ANSWERS: dict[str, Callable[[Request], object]] = {
    "build-image": lambda _: Artifact((File("/nix/store/x/image.qcow2", 5, "abc"),)),
    "local.ensure-data-disk": lambda _: {},
    "local.start-machine": lambda request: MachineRecord(
        request["id"], request["boot"], "tcg", {22: 40022, 80: 40080}, "here"
    ),
    "local.verify-machine": lambda request: Evidence(
        request["verify"]["machine"], 1, [KEY], 1.0, []
    ),
    "local.cutover": lambda request: Cutover("web", request["host"]["machine"], "", {8080: 80}),
}


def printed(command: str) -> Callable[[Request], object]:
    return lambda request: json.loads(codec.dump(ANSWERS[command](request)))


@pytest.fixture(scope="module")
def ran() -> tuple[Engine, dict[str, Any]]:
    """What the engine was asked for a stack with one server, and the server's output."""
    from components.nix_image import NixImage  # noqa: PLC0415

    plan = planned(WEB)

    def program() -> pulumi.Output[object]:
        images = {
            release.name: NixImage(release.name, {"release": release, "stack": "dev"})
            for release in plan.releases.values()
        }
        return deploy(plan, images).servers["web"]

    return run(program, {command: printed(command) for command in ANSWERS})


@pytest.fixture
def engine(ran: tuple[Engine, dict[str, Any]]) -> Engine:
    return ran[0]


def request(engine: Engine, name: str) -> Request:
    found: Request = json.loads(engine.made[name]["stdin"])
    return found


MACHINE = planned(WEB).servers[0].id


def test_names_and_types(engine: Engine) -> None:
    assert {
        ("flakeship:local:Server", "web"),
        (COMMAND, "disk-web.pg"),
        (COMMAND, f"machine-{MACHINE}"),
        ("flakeship:index:Verification", MACHINE),
        (COMMAND, f"verification-{MACHINE}"),
        ("flakeship:local:Cutover", "web"),
        (COMMAND, "cutover-web"),
    } <= set(engine.declared)


def test_each_request_has_what_the_commands_before_it_printed(
    ran: tuple[Engine, dict[str, Any]],
) -> None:
    engine, output = ran
    assert request(engine, f"machine-{MACHINE}")["sha512"] == "abc"
    ports = {"22": 40022, "80": 40080}
    assert request(engine, f"verification-{MACHINE}")["ports"] == ports
    assert request(engine, "cutover-web")["host"]["host_keys"] == [KEY]
    assert (output["machine"], output["ports"]) == (MACHINE, {"80": "127.0.0.1:8080"})


def test_each_resource_is_made_after_those_that_it_needs(engine: Engine) -> None:
    commands = [name for kind, name in engine.declared if kind == COMMAND]
    assert commands[-3:] == [f"machine-{MACHINE}", f"verification-{MACHINE}", "cutover-web"]
    assert {name.partition("-")[0] for name in commands[:-3]} == {"image", "disk"}
