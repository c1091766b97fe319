"""Scripts of the appliance, with a directory in the place of its root file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.system.backoff import backoff
from flakeship.system.process import run
from tests.appliance.root import GUEST, Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path)
    made.write("etc/services/order", "sshd\nweb\ndisks\n")
    for unit in ("sshd", "web", "disks"):
        made.write(f"etc/services/{unit}", f"description='The {unit}'\n")
        made.write(f"run/units/{unit}/state", "active running\n")
    return made


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, "starting"),
        ({"run/started": ""}, "running"),
        ({"run/started": "", "run/units/web/state": "failed failed\n"}, "degraded"),
        ({"run/started": "", "run/units/web/state": "activating start\n"}, "starting"),
        ({"run/units/web/state": "failed failed\n"}, "starting"),
        ({"run/started": "", "run/stopping": ""}, "stopping"),
        (
            {
                "run/started": "",
                "run/units/sshd/state": "failed failed\n",
                "run/units/web/state": "activating auto-restart\n",
            },
            "degraded",
        ),
    ],
)
def test_the_state_of_the_system(root: Root, files: dict[str, str], state: str) -> None:
    for file, text in files.items():
        root.write(file, text)
    found = root.run("bin/systemctl.sh", "is-system-running")
    assert (found.stdout, found.stderr) == (f"{state}\n", "")
    assert (found.code == 0) == (state == "running")


def test_the_units(root: Root) -> None:
    root.write("run/units/web/state", "failed failed\n")
    (root.path / "run/units/disks/state").unlink()
    assert root.run("bin/systemctl.sh").stdout.splitlines() == [
        "sshd.service loaded active running The sshd",
        "web.service loaded failed failed The web",
        "disks.service loaded inactive dead The disks",
    ]
    failed = root.run("bin/systemctl.sh", "--failed", "--no-legend", "--plain")
    assert failed.stdout == "web.service loaded failed failed The web\n"
    assert "Active: failed (failed)" in root.run("bin/systemctl.sh", "status", "web").stdout
    assert root.run("bin/systemctl.sh", "is-active", "sshd", "web").stdout == "active\nfailed\n"


def test_the_jobs_of_a_system_that_is_starting(root: Root) -> None:
    root.write("run/units/web/state", "activating start\n")
    assert root.run("bin/systemctl.sh", "list-jobs").stdout == "2 web.service start running\n"


@pytest.mark.parametrize(
    ("files", "started"),
    [
        ({}, False),
        ({"devices/virtio0/device": "0x0001\n"}, False),
        ({"devices/virtio3/device": "0x0003\n", "vport3p1/name": "com.example\n"}, False),
        (
            {
                "devices/virtio3/device": "0x0003\n",
                "vport3p1/name": "com.example\n",
                "vport3p2/name": "org.qemu.guest_agent.0\n",
            },
            True,
        ),
    ],
)
def test_the_guest_agent_runs_where_there_is_a_port_for_it(
    root: Root, files: dict[str, str], started: bool
) -> None:
    """Elsewhere its service ends without a failure."""
    for file, text in files.items():
        at = "sys/bus/virtio" if file.startswith("devices/") else "sys/class/virtio-ports"
        root.write(f"{at}/{file}", text)
    root.program("qemu-ga")
    root.program("sleep")
    assert root.run("lib/guest-agent.sh").code == 0
    assert ("qemu-ga --method=virtio-serial --path=/dev/vport3p2" in root.calls) == started


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("-h", "-P", "+0", "hypervisor initiated shutdown"), "poweroff"),
        (("-h", "-H", "+0", "hypervisor initiated shutdown"), "halt"),
        (("-h", "-r", "+0", "hypervisor initiated shutdown"), "reboot"),
    ],
)
def test_what_the_guest_agent_calls_to_end_the_machine(
    root: Root, words: tuple[str, ...], wanted: str
) -> None:
    root.program("setsid")
    root.write("shutdown", (GUEST / "bin/poweroff.sh").read_text())
    path = f"{root.path}/bin:/usr/bin:/bin"
    run(["sh", root.path / "shutdown", *words], env={"PATH": path})
    for _ in backoff(10):
        if root.calls:
            break
    assert root.calls == [f"setsid /usr/lib/appliance/stop {wanted}"]
