"""Scripts of the appliance, with a directory in the place of its root file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.system.process import Result, run

GUEST = Path(__file__).parents[2] / "nix/appliance/guest"
DIRECTORIES = ("/etc/services", "/run", "/sys/bus/virtio/devices", "/sys/class/dmi/id",
               "/sys/class/virtio-ports", "/var/lib")  # fmt: skip


class Root:
    """The root, and programs that note that they were called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for directory in DIRECTORIES:
            (path / directory[1:]).mkdir(parents=True)
        (path / "bin").mkdir()
        self.called = path / "called"

    def write(self, file: str, text: str = "") -> None:
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text(text)

    def program(self, name: str, code: int = 0) -> None:
        self.write(f"bin/{name}", f'#!/bin/sh\necho {name} "$@" >>{self.called}\nexit {code}\n')
        (self.path / "bin" / name).chmod(0o755)

    def run(self, script: str, *words: str) -> Result:
        text = (GUEST / script).read_text()
        for directory in DIRECTORIES:
            text = text.replace(directory, f"{self.path}{directory}")
        text = text.replace("export PATH=", "# ")
        path = f"{self.path}/bin:/usr/bin:/bin"
        return run(["sh", "-s", "--", *words], stdin=text, env={"PATH": path}, check=False)


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
    ("vendor", "asked"), [("QEMU", False), ("OpenStack Foundation", True), ("", True)]
)
def test_only_plain_qemu_is_known_to_have_no_config_drive(
    root: Root, vendor: str, asked: bool
) -> None:
    """There the IDE controller is not asked, which takes seconds."""
    if vendor:
        root.write("sys/class/dmi/id/sys_vendor", f"{vendor}\n")
    for name, code in {"blkid": 2, "modprobe": 0, "sleep": 0}.items():
        root.program(name, code)
    assert root.run("lib/config-drive.sh").code == 0
    assert ("modprobe" in root.called.read_text()) == asked


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
    called = root.called.read_text() if root.called.exists() else ""
    assert ("qemu-ga --method=virtio-serial --path=/dev/vport3p2\n" in called) == started


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
    assert root.called.read_text() == f"setsid /usr/lib/appliance/stop {wanted}\n"
