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
    "flakeship:local:DataDisk": lambda _: {},
    "flakeship:local:Machine": lambda request: MachineRecord(
        request["machine"], request.get("boot", 1), "tcg", {22: 40022, 80: 40080}, "here"
    ),
    "flakeship:local:Verification": lambda request: Evidence(
        request["verify"]["machine"], 1, [KEY], 1.0, []
    ),
    "flakeship:local:Cutover": lambda request: Cutover("web", request["machine"], "", {8080: 80}),
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


MACHINE = planned(WEB).servers[0].id


def test_names_and_types(engine: Engine) -> None:
    assert {
        ("flakeship:local:Server", "web"),
        ("flakeship:local:DataDisk", "web.pg"),
        ("flakeship:local:Machine", MACHINE),
        ("flakeship:local:Verification", MACHINE),
        ("flakeship:local:Cutover", "web"),
    } <= set(engine.declared)


def test_each_resource_has_what_those_before_it_resulted_in(
    ran: tuple[Engine, dict[str, Any]],
) -> None:
    engine, output = ran
    assert engine.made[f"Machine {MACHINE}"]["sha512"] == "abc"
    ports = {"22": 40022, "80": 40080}
    assert engine.made[f"Verification {MACHINE}"]["ports"] == ports
    assert engine.made["Cutover web"]["ssh"]["host_keys"] == [KEY]
    assert (output["machine"], output["ports"]) == (MACHINE, {"80": "127.0.0.1:8080"})


def test_each_resource_is_made_after_those_that_it_needs(engine: Engine) -> None:
    made = [name for name in engine.made if engine.types[name] in ANSWERS]
    assert made == [
        "DataDisk web.pg",
        f"Machine {MACHINE}",
        f"Verification {MACHINE}",
        "Cutover web",
    ]
    (image,) = (name for kind, name in engine.declared if kind == COMMAND)
    assert image in engine.depends(f"Machine {MACHINE}")
