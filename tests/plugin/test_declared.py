"""The resources of each component: those of the core, below it, and what becomes of its outputs."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from flakeship.model import codec
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.release import Artifact, File
from flakeship.release.desired import Found
from flakeship.targets.openstack.requests import Published
from plugin.glance_image import GlanceImage
from plugin.local_server import LocalServer, Prepared
from plugin.nix_image import NixImage
from tests.pulumi_mocks import Engine, run
from tests.targets.local.unit.test_graph import ANSWERS, KEY
from tests.targets.local.unit.test_plan import WEB, planned

PLAN = planned(WEB)
(RELEASE,) = PLAN.releases.values()
(SERVER,) = PLAN.servers
FOUND = Found(PLAN.releases)
BUILT = File("/nix/store/x/image.qcow2", 5, "abc")
COMMANDS: dict[str, Any] = ANSWERS | {
    "build-image": lambda _: codec.plain(Artifact((BUILT, File("/nix/store/x/initrd", 6, "def")))),
    "flakeship:openstack:GlanceImage": lambda asked: Published("an-id", asked["sha512"], 5, 64),
}
ONE: dict[str, Any] = COMMANDS | {
    "build-image": lambda _: codec.plain(Artifact((BUILT,))),
    "flakeship:local:Verification": lambda asked: Evidence(
        asked["verify"]["machine"],
        1,
        [KEY],
        1.0,
        [CheckResult("system", passed=True, milliseconds=5, detail="running")],
    ),
}


def outputs(component: pulumi.ComponentResource, *names: str) -> pulumi.Output[Any]:
    return pulumi.Output.all(**{name: getattr(component, name) for name in names})


def test_an_image() -> None:
    engine, seen = run(
        lambda: outputs(
            NixImage("os", {"flake": "./flake", "host": RELEASE.host}, None, FOUND),
            *("name", "path", "files", "sha512", "size", "toplevel", "memory"),
        ),
        COMMANDS,
    )
    assert seen == {
        "name": RELEASE.name,
        "path": RELEASE.paths[0],
        "files": RELEASE.paths,
        "sha512": "abc",
        "size": 5,
        "toplevel": RELEASE.toplevel,
        "memory": RELEASE.memory,
    }
    asked = engine.made[f"image-os-{RELEASE.name}"]["environment"]
    assert asked["derivation"] == RELEASE.drv


def test_images_of_one_release_are_kept_by_links_of_their_own() -> None:
    def program() -> pulumi.Output[Any]:
        one = NixImage("one", {"flake": "./flake", "host": RELEASE.host}, None, FOUND)
        other = NixImage("other", {"flake": "./flake", "host": RELEASE.host}, None, FOUND)
        return pulumi.Output.all(one.sha512, other.sha512)

    engine, _ = run(program, COMMANDS)
    made = [each["environment"] for name, each in engine.made.items() if name.startswith("image-")]
    assert len({asked["gc_root"] for asked in made}) == len(made) == 2


@pytest.fixture(scope="module")
def server() -> tuple[Engine, Any]:
    return run(
        lambda: outputs(
            LocalServer(
                "web", {"flake": "./flake", "host": RELEASE.host}, None, Prepared(FOUND, PLAN)
            ),
            *("machine", "release", "address", "ports", "host_keys", "checks"),
        ),
        ONE,
    )


def test_a_server_is_that_of_a_stack(server: tuple[Engine, Any]) -> None:
    engine, seen = server
    assert seen == {
        "machine": SERVER.id,
        "release": RELEASE.name,
        "address": "127.0.0.1",
        "ports": {"80": "127.0.0.1:8080"},
        "host_keys": [KEY],
        "checks": {"system": "running"},
    }
    assert engine.made[f"Machine {SERVER.id}"]["sha512"] == BUILT.sha512


def test_its_address_moves_after_the_verification(server: tuple[Engine, Any]) -> None:
    engine, _ = server
    assert f"Verification {SERVER.id}" in engine.depends("Cutover web")
    assert f"image-web-{RELEASE.name}" in engine.depends(f"Machine {SERVER.id}")


def test_an_image_in_glance() -> None:
    engine, seen = run(
        lambda: outputs(
            GlanceImage(
                "os",
                {
                    "file": pulumi.Output.from_input("/nix/store/x/image.qcow2"),
                    "sha512": "abc",
                    "minRam": 512,
                    "properties": {"hw_firmware_type": "bios"},
                    "cloud": "prod",
                },
            ),
            "image_id",
        ),
        COMMANDS,
    )
    assert seen == {"image_id": "an-id"}
    asked = engine.made["GlanceImage os"]
    assert (asked["file"], asked["min_ram"], asked["cloud"]) == (
        "/nix/store/x/image.qcow2",
        512,
        "prod",
    )
    assert asked["properties"] == {"hw_firmware_type": "bios"}
