"""A stack on the workstation from its first release to its end, in that order."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from flakeship.state.resources import replacing
from flakeship.system.process import run
from tests.prober import Prober
from tests.targets.local.e2e.conftest import Appliance


def test_up_verifies(appliance: Appliance) -> None:
    appliance.up()
    checks = {check["name"]: check["passed"] for check in appliance.evidence()["checks"]}
    assert all(checks.values())
    assert {"host-key", "toplevel", "firewall", "system", "nix-build", "greeting"} <= set(checks)
    outputs = appliance.outputs()
    (record,) = outputs["releases"]
    assert sum(f["size"] for f in record["artifact"]["files"]) <= 80 * 1024 * 1024
    toplevel = record["release"]["toplevel"]
    assert appliance.ssh("readlink -f /run/current-system").stdout.strip() == toplevel
    assert "appliance" in appliance.page()
    status = run(
        [".venv/bin/python", "-m", "flakeship", "status"], cwd=appliance.path, env=appliance.env
    )
    assert record["artifact"]["files"][0]["sha512"] in status.stdout
    assert "✓ nix-build" in status.stdout
    assert "✓ disk " in status.stdout.partition("with its data disks:")[2]


def test_again_changes_nothing(appliance: Appliance) -> None:
    appliance.preview("--expect-no-changes")
    appliance.up("--expect-no-changes")


def test_a_new_release_is_verified_while_the_old_one_serves(appliance: Appliance) -> None:
    before, record = appliance.machine(), appliance.running()
    appliance.ssh("echo kept | sudo tee /data/pg/file")
    appliance.edit("Hello from the appliance", "Welcome to the appliance")
    with Prober(appliance.page, 0.2) as prober:
        appliance.up()
    assert "Welcome" in appliance.page()
    assert appliance.machine() != before
    assert list(appliance.pids()) == [appliance.machine()]
    outputs = appliance.outputs()
    names = [f"appliance-{Path(r['release']['out']).name[:8]}" for r in outputs["releases"]]
    assert names == [appliance.running(), record]
    # The old one answered until the new one did; only connections under way at the move may break.
    assert "Hello" in prober.seen[0][1]
    order = [said for _, said in prober.seen if not said.startswith("failed")]
    assert order == sorted(order, key=lambda said: "Welcome" in said)
    failed = [moment for moment, said in prober.seen if said.startswith("failed")]
    assert len(failed) <= 5, prober.seen
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"


def test_a_check_with_the_data_disk_that_fails_moves_everything_back(appliance: Appliance) -> None:
    before, outputs = appliance.machine(), appliance.outputs()
    appliance.config("servers[0].checks[1].run", "test -e /data/pg/none")
    said = appliance.up(check=False)
    assert f"{before} is active as before; there is no former machine to go back to" in said
    assert "Welcome" in appliance.page()
    appliance.edit("Welcome to the appliance", "Nothing from the appliance")
    spoils = "sudo sh -c 'echo spoiled > /data/pg/file; exit 3'"
    appliance.config("servers[0].checks[1].run", spoils)
    said = appliance.up(check=False)
    assert "✗ disk: not within 10 s: " in said
    assert f"{before} is active as before and passes its checks with data disks" in said
    assert (appliance.machine(), appliance.outputs()) == (before, outputs)
    assert "Welcome" in appliance.page()
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"
    appliance.edit("Nothing from the appliance", "Welcome to the appliance")
    appliance.config("servers[0].checks[1].run", "test ! -e /data/pg/lost+found")
    appliance.up()
    assert list(appliance.pids()) == [before]


def test_a_broken_release_leaves_everything_as_it_was(appliance: Appliance) -> None:
    before, outputs = appliance.machine(), appliance.outputs()
    appliance.edit("services = { };", 'services.broken = { command = "false"; oneshot = true; };')
    said = appliance.up(check=False)
    assert "✗ system: degraded, failed units: broken.service" in said
    assert "The end of the console" in said
    assert (appliance.machine(), appliance.outputs()) == (before, outputs)
    assert "Welcome" in appliance.page()
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"
    appliance.edit('services.broken = { command = "false"; oneshot = true; };', "services = { };")
    appliance.up()
    assert appliance.machine() == before
    assert list(appliance.pids()) == [before]


def test_a_run_killed_after_the_cut_over_can_be_taken_back(appliance: Appliance) -> None:
    before, outputs = appliance.machine(), appliance.outputs()
    appliance.edit("Welcome to the appliance", "Good day at the appliance")
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview"],
        cwd=appliance.path,
        env=appliance.env,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    cutovers = appliance.path / ".state/test/cutovers/web"
    count = cutovers.read_text()
    while cutovers.read_text() == count:  # the last step of the cutover
        assert engine.poll() is None
        time.sleep(0.001)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    assert appliance.machine() != before
    assert set(appliance.pids()) == {before, appliance.machine()}

    appliance.edit("Good day at the appliance", "Welcome to the appliance")
    appliance.pulumi("cancel", "--yes")
    appliance.up()
    assert (appliance.machine(), appliance.outputs()) == (before, outputs)
    assert list(appliance.pids()) == [before]
    assert "Welcome" in appliance.page()
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"
    toplevel = outputs["releases"][0]["release"]["toplevel"]
    assert appliance.ssh("readlink -f /run/current-system").stdout.strip() == toplevel
    appliance.up("--expect-no-changes")


def test_roll_back_by_name(appliance: Appliance) -> None:
    newer, older = appliance.outputs()["releases"]
    name = f"appliance-{Path(older['release']['out']).name[:8]}"
    appliance.config("release", name)
    appliance.up()
    assert appliance.running() == name
    assert "Hello" in appliance.page()
    assert appliance.outputs()["releases"] == [newer, older]
    appliance.up("--expect-no-changes")


def test_a_dead_server_is_started_again(appliance: Appliance) -> None:
    machine = appliance.machine()
    appliance.ssh("echo survives | sudo tee /root-file && sync")
    (pid,) = appliance.pids().values()
    keys = appliance.evidence()["host_keys"]
    os.kill(pid, signal.SIGKILL)
    assert "2 to update" in appliance.preview() or "3 to update" in appliance.preview()
    appliance.up()
    assert appliance.machine() == machine
    assert appliance.ssh("cat /root-file").stdout == "survives\n"
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"
    assert appliance.evidence()["host_keys"] == keys
    assert "Hello" in appliance.page()
    appliance.up("--expect-no-changes")


def test_another_host_key_is_refused(appliance: Appliance) -> None:
    """As if somebody had put another machine behind the address."""
    outputs, machine = appliance.outputs(), appliance.machine()
    pinned = appliance.evidence()["host_keys"]
    appliance.ssh("sudo rm /etc/ssh/ssh_host_ed25519_key && sync")
    (pid,) = appliance.pids().values()
    os.kill(pid, signal.SIGKILL)
    said = appliance.up(check=False)
    assert "its SSH host key has changed" in said
    assert appliance.outputs() == outputs
    appliance.up(*shlex.split(replacing(machine)))  # as the message says
    assert appliance.machine() == machine
    assert appliance.evidence()["host_keys"] != pinned
    assert appliance.ssh("cat /data/pg/file").stdout == "kept\n"
    appliance.up("--expect-no-changes")


def test_what_is_in_use_is_kept_from_collection(appliance: Appliance) -> None:
    roots = run(["nix-store", "--gc", "--print-roots"]).stdout
    for record in appliance.outputs()["releases"]:
        for path in ("out", "drv", "toplevel"):
            assert record["release"][path] in roots


def test_a_server_of_another_workstation_is_refused(appliance: Appliance) -> None:
    state = json.loads(appliance.pulumi("stack", "export").stdout)
    text = json.dumps(state)
    host = appliance.outputs()["servers"]["web"]["local"]["workstation"]
    file = appliance.path / "state.json"
    file.write_text(text.replace(host, "elsewhere-12345678"))
    appliance.pulumi("stack", "import", "--file", str(file))
    for command in (("preview",), ("destroy", "--yes", "--skip-preview")):
        said = appliance.pulumi(*command, check=False)
        assert said.code != 0
        assert "elsewhere-12345678" in said.stdout
    assert len(appliance.pids()) == 1
    file.write_text(text)
    appliance.pulumi("stack", "import", "--file", str(file))


def test_destroy_leaves_nothing(appliance: Appliance) -> None:
    appliance.pulumi("destroy", "--yes", "--skip-preview")
    assert appliance.pids() == {}
    left = [path for path in (appliance.path / ".state/test").rglob("*") if not path.is_dir()]
    assert [path.name for path in left] == ["authorized_keys"]
    roots = run(["nix-store", "--gc", "--print-roots"]).stdout
    assert str(appliance.path) not in roots
