"""A release on its way from dev over staging to prod, which is another project: one image for all.

Nothing here builds or uploads it again, also where no file of it is left on the workstation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dev.openstack.__main__ import CLOUD
from flakeship.nix.store import NIX
from flakeship.rollout.ownership import RELEASE
from flakeship.system.process import Result, run
from flakeship.targets.openstack.api.connection import connected
from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud

OTHER = f"{CLOUD}-other"
SHARED = {"visibility": "shared"}


@dataclass(frozen=True)
class Way:
    """The three stacks; `project` is the id of that of prod."""

    dev: CloudStack
    staging: CloudStack
    prod: CloudStack
    project: str

    def flakeship(self, *words: str) -> Result:
        """The command in the checkout of all three."""
        argv = [f"{self.dev.path}/.venv/bin/python", "-m", "flakeship", *words]
        env = self.dev.env | {"PYTHONPATH": str(self.dev.path)}
        done = run(argv, cwd=self.dev.path, env=env, check=False, timeout=120)
        assert done.code == 0, done.stdout + done.stderr
        return done

    def approve(self) -> None:
        self.flakeship(
            "--stack", self.prod.stack, "approve", self.staging.running(), "--key", "manager"
        )

    def images(self, release: str) -> list[Any]:
        """All images of a release that there are in either project."""
        query = {RELEASE: release}
        return [
            image
            for cloud in (self.dev.cloud, self.prod.cloud)
            for hidden in ("true", "false")
            for image in cloud.image.get("/images", params=query | {"os_hidden": hidden}).json()[
                "images"
            ]
            if image["owner"] == cloud.current_project_id
        ]

    def members(self, release: str) -> dict[str, str]:
        (image,) = self.images(release)
        found = self.dev.cloud.image.get(f"/images/{image['id']}/members").json()["members"]
        return {each["member_id"]: each["status"] for each in found}

    def lose(self, release: str) -> None:
        """As if this were a workstation that has never built the release."""
        record = next(
            each["release"]
            for each in self.dev.outputs()["releases"]
            if release.endswith(Path(each["release"]["out"]).name[:8])
        )
        for link in (self.dev.path / ".state").glob(f"*/roots/{release}*"):
            link.unlink()
        users = run(["nix-store", "--query", "--referrers-closure", record["drv"]])
        run([*NIX, "store", "delete", record["out"], *users.stdout.split()])
        assert not Path(record["out"]).exists()


def beside(dev: CloudStack, name: str, before: str, **given: Any) -> CloudStack:
    """Another stack of the same checkout, which promotes."""
    made = replace(dev, stack=f"{dev.stack}-{name}")
    made = replace(made, env=dev.env | {"PULUMI_STACK": made.stack})
    made.pulumi("stack", "init", "--no-select", made.stack)
    config = {
        "host": "appliance",
        "target": "openstack",
        "promoteFrom": before,
        "standbyReleases": 0,
        "servers": [WEB],
        **given,
    }
    plain = {f"flakeship:{key}": value for key, value in config.items()}
    (made.path / f"Pulumi.{made.stack}.yaml").write_text(json.dumps({"config": plain}))
    return made


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with ExitStack() as ends:
        dev = ends.enter_context(stack_on_cloud(tmp_path_factory.mktemp("cloud")))
        other = ends.enter_context(connected(OTHER))
        dev.settings(WEB, openstack=SHARED, standbyReleases=0, retainReleases=1)
        # a release of its own, which no other test has the files of
        dev.edit("Hello from the appliance", f"Hello from the appliance {dev.stack}")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(dev.path / "manager")])
        key = (dev.path / "manager.pub").read_text().strip()
        cloud = {"pool": "public"}
        staging = beside(dev, "s", dev.stack, openstack=cloud, retainReleases=1)
        gate = {"soak": "1s", "approvers": [key]}
        prod = beside(
            replace(dev, cloud=other),
            "p",
            staging.stack,
            openstack={**cloud, "cloud": OTHER},
            gate=gate,
        )
        for stack in (staging, prod):
            ends.callback(stack.pulumi, "destroy", "--yes", "--skip-preview")
        yield Way(dev, staging, prod, str(other.current_project_id))


def test_an_image_with_other_bytes_is_refused(way: Way) -> None:
    way.dev.up()
    cloud = way.dev.cloud
    other = cloud.image.create_image(
        "other", data=b"other bytes", disk_format="raw", container_format="bare"
    )
    (image,), state = way.images(way.dev.running()), way.dev.pulumi("stack", "export").stdout
    file = way.dev.path / "state.json"
    try:
        file.write_text(state.replace(image["id"], other.id))
        way.dev.pulumi("stack", "import", "--file", str(file))
        assert "is not what was verified" in way.staging.refused()
    finally:
        file.write_text(state)
        way.dev.pulumi("stack", "import", "--file", str(file))
        cloud.image.delete_image(other.id)


def test_a_stack_of_the_same_project_uploads_nothing(way: Way) -> None:
    release = way.dev.running()
    (image,) = way.images(release)
    told = f"{release} boots from the image {image['id']} of the stack {way.dev.stack}: "
    assert told in way.staging.preview()
    way.staging.up()
    assert way.staging.running() == release
    kept = way.staging.outputs()["openstack"]
    assert kept["published"] == {}
    own = {"id": image["id"], "stack": way.dev.stack, "project": image["owner"], "shared": False}
    assert kept["borrowed"] == {release: own}
    way.staging.preview("--expect-no-changes")
    assert way.images(release) == [image]


def test_another_project_is_told_what_it_lacks(way: Way) -> None:
    release = way.staging.running()
    way.lose(release)
    assert "gate.approvers: " in way.prod.refused()
    way.approve()
    said = way.prod.refused()
    assert f"shareWith: [{way.project}]" in said
    assert "flakeship:imageStore" in said


def test_another_project_accepts_the_image(way: Way) -> None:
    release = way.staging.running()
    # as a killed run leaves it: shared, and not in the state
    (image,) = way.images(release)
    way.dev.cloud.image.post(f"/images/{image['id']}/members", json={"member": way.project})
    shared = {**SHARED, "shareWith": [way.project]}
    way.dev.settings(WEB, openstack=shared, standbyReleases=0, retainReleases=1)
    way.dev.up()
    way.dev.preview("--expect-no-changes")
    assert f"openstack:images:ImageAccessAccept accept-{release}" in way.prod.preview()
    way.prod.up()
    assert way.prod.running() == release
    assert way.members(release) == {way.project: "accepted"}
    assert len(way.images(release)) == 1
    assert way.prod.outputs()["openstack"]["borrowed"][release]["shared"]
    way.prod.preview("--expect-no-changes")


def test_an_image_in_use_elsewhere_stays(way: Way) -> None:
    first = way.staging.running()
    way.dev.edit("Hello from", "Welcome to")
    said = way.dev.up()
    assert f"the image of {first} stays: servers boot from it: " in said
    assert f"other projects have accepted it: {way.project}" in said
    way.staging.up()
    way.approve()
    way.prod.up()
    second = way.prod.running()
    assert second == way.staging.running() != first
    assert way.members(first) == way.members(second) == {way.project: "accepted"}
    way.dev.up()
    assert len(way.images(first)) == 1


def test_a_rollback_needs_no_file(way: Way) -> None:
    second = way.prod.running()
    first = way.prod.outputs()["releases"][1]["release"]["out"]
    way.prod.config("release", f"appliance-{Path(first).name[:8]}")
    way.prod.up()
    assert "Hello" in way.prod.page()
    assert not Path(first).exists()
    way.flakeship("--stack", way.staging.stack, "revoke", second, "--why", "loses mail")
    way.prod.unset("release")
    assert "loses mail" in way.prod.refused()


def test_what_is_given_up_may_go(way: Way) -> None:
    second = way.staging.running()
    first = next(name for name in way.dev.images() if name != second)
    way.prod.pulumi("destroy", "--yes", "--skip-preview")
    assert way.members(first) == way.members(second) == {way.project: "rejected"}
    way.dev.settings(WEB, standbyReleases=0, retainReleases=1)
    assert "are still shared with the project" in way.dev.refused()
    way.dev.settings(WEB, openstack=SHARED, standbyReleases=0, retainReleases=1)
    way.dev.up()
    assert way.images(first) == []
    assert way.members(second) == {}
