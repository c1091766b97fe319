"""The resources of a stack: their names, their types, and what waits for what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.local.graph import deploy
from flakeship.model import codec
from flakeship.model.artifact import Artifact, File
from flakeship.model.evidence import Evidence
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.machine_record import MachineRecord
from tests.targets.local.unit.test_plan import WEB, planned

KEY = "ssh-ed25519 AAAA"
COMMAND = "command:local:Command"


class Engine(pulumi.runtime.Mocks):
    """Answers every command as it would."""

    def __init__(self) -> None:
        self.types: dict[tuple[str, str], None] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, Any] = {}

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.types[args.typ, args.name] = None
        if args.typ != COMMAND:
            return args.name, args.inputs
        command = args.inputs["create"]
        request = json.loads(args.inputs["stdin"])
        self.requests[args.name] = request
        answers: dict[str, Callable[[], object]] = {
            "build-image": lambda: Artifact((File("/nix/store/x/image.qcow2", 5, "abc"),)),
            "local.start-machine": lambda: MachineRecord(
                request["id"], request["boot"], "tcg", {22: 40022, 80: 40080}, "here"
            ),
            "local.verify-machine": lambda: Evidence(
                request["verify"]["machine"], 1, [KEY], 1.0, []
            ),
            "local.cutover": lambda: Cutover("web", request["host"]["machine"], "", {8080: 80}),
        }
        stdout = codec.dump(answers[command]()) if command in answers else "{}"
        return args.name, {**args.inputs, "stdout": stdout}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """What the engine was asked for a stack with one server."""
    from components.nix_image import NixImage  # noqa: PLC0415

    plan, mocks = planned(WEB), Engine()

    def program() -> pulumi.Output[object]:
        images = {
            release.name: NixImage(release.name, {"release": release, "stack": "dev"})
            for release in plan.releases.values()
        }
        return deploy(plan, images).servers["web"].apply(mocks.outputs.update)

    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(mocks)
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return mocks


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
    } <= set(engine.types)


def test_each_request_has_what_the_commands_before_it_printed(engine: Engine) -> None:
    assert engine.requests[f"machine-{MACHINE}"]["sha512"] == "abc"
    assert engine.requests[f"verification-{MACHINE}"]["ports"] == {"22": 40022, "80": 40080}
    assert engine.requests["cutover-web"]["host"]["host_keys"] == [KEY]
    assert (engine.outputs["machine"], engine.outputs["ports"]) == (
        MACHINE,
        {"80": "127.0.0.1:8080"},
    )


def test_each_resource_is_made_after_those_that_it_needs(engine: Engine) -> None:
    commands = [name for kind, name in engine.types if kind == COMMAND]
    assert commands[-3:] == [f"machine-{MACHINE}", f"verification-{MACHINE}", "cutover-web"]
    assert {name.partition("-")[0] for name in commands[:-3]} == {"image", "disk"}
