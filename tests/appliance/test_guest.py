"""Scripts of the appliance, with a directory in the place of its root file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.system.process import Result, run

GUEST = Path(__file__).parents[2] / "nix/appliance/guest"
DIRECTORIES = ("/etc/services", "/run", "/sys/class/dmi/id", "/var/lib")


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
        self.write(f"bin/{name}", f"#!/bin/sh\necho {name} >>{self.called}\nexit {code}\n")
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
