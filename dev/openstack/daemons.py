"""The lab's processes: start them, check that they run, wait until they answer."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.openstack import netns, progress
from dev.openstack.site import HERE, Site
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import Result, run

READY_SECONDS = 180.0


@dataclass(frozen=True)
class Daemon:
    """One long-running process; `ready` is whether it answers requests."""

    name: str
    argv: Sequence[str | Path]
    ready: Callable[[], bool] = field(default=lambda: True)
    env: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[Path] = ()
    """What a process that was killed leaves and a new one trips over."""


def environment(site: Site) -> dict[str, str]:
    """What every process of the lab is started with: nothing of the user's but HOME and locale."""
    ovs = {"RUNDIR": site.run / "ovs", "LOGDIR": site.log, "DBDIR": site.state / "ovs"}
    env = {
        "PATH": f"{HERE / 'bin'}:{site.venv / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/root"),
        "LC_ALL": "C.UTF-8",
        "no_proxy": "*",
        # Neutron leaves files here that are named after its parent's process id.
        "TMPDIR": str(site.run / "tmp"),
    }
    for program in ("OVS", "OVN"):
        env |= {f"{program}_{key}": str(path) for key, path in ovs.items()}
        env[f"{program}_SYSCONFDIR"] = str(site.state / "ovs")
    return env


def command(
    site: Site,
    argv: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    *,
    seconds: float = 600,
) -> Result:
    """Run a command of the lab to its end; its output goes to the log of commands.

    It runs in the namespace, where `down` finds it if we are killed meanwhile.
    """
    done = run(
        netns.inside(site, argv),
        env=environment(site) | dict(env or {}),
        timeout=seconds,
        check=False,
    )
    log = site.log / "commands.log"
    with log.open("a") as file:
        file.write(f"$ {' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")
    if done.code != 0:
        name = " ".join(map(str, argv[:1])).rpartition("/")[2]
        what = f"{name} failed (exit code {done.code})"
        raise FlakeshipError(what, details=progress.end_of(log))
    return done


def is_running(site: Site, daemon: Daemon) -> bool:
    """Whether a process that we started is still that process."""
    try:
        pid, born = _pid_file(site, daemon).read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    return netns.exists(site) and _born(int(pid)) == born


def start(site: Site, daemon: Daemon) -> bool:
    """Start a process unless it runs; whether it was started."""
    if is_running(site, daemon):
        return False
    for path in daemon.stale:
        path.unlink(missing_ok=True)
    env = environment(site) | dict(daemon.env)
    with (site.log / f"{daemon.name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(word) for word in netns.inside(site, daemon.argv)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd=site.state,
            start_new_session=True,
        )
    _pid_file(site, daemon).write_text(f"{child.pid} {_born(child.pid)}\n")
    return True


def await_ready(site: Site, daemon: Daemon, seconds: float = READY_SECONDS) -> None:
    """Wait until a process answers; one that ends meanwhile is an error at once."""
    log = site.log / f"{daemon.name}.log"

    def ready() -> bool:
        if not is_running(site, daemon):
            raise FlakeshipError(
                f"{daemon.name} ended as it was started",
                remedy="`make lab-openstack` tries again, `make lab-down` starts over",
                details=progress.end_of(log),
            )
        return daemon.ready()

    progress.wait(seconds, daemon.name, ready, lambda: progress.end_of(log))


def answers(url: str, seconds: float = 2.0) -> Callable[[], bool]:
    """Whether a web server answers with anything but an error of its own."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        try:
            with opener.open(url, timeout=seconds) as response:
                return int(response.status) < 400
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    return answers


def _pid_file(site: Site, daemon: Daemon) -> Path:
    return site.run / f"{daemon.name}.pid"


def _born(pid: int) -> str:
    """When a process started, with the boot it belongs to; empty where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "" if fields[0] in {"Z", "X"} else f"{fields[19]}@{boot}"
