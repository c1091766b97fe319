"""The golden copy: a complete cloud without user data, for quick starts."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path

from dev.openstack.progress import say
from dev.openstack.site import HERE, Site
from flakeship.system.process import run

WRITERS = ("mariadb", "ovsdb", "ovnnb", "ovnsb")
LEFT_OUT = ("./run", "./log", "./etc", "./rabbit", "./nova/instances", "./system/run")


def file(site: Site) -> Path:
    """The copy for the current sources, driver and addresses."""
    digest = hashlib.sha256(site.described().encode())
    for source in sorted(HERE.rglob("*")):
        if source.is_file() and source.suffix in {".py", ".conf", ".lock"}:
            digest.update(source.read_bytes())
    return site.folder / f"golden-{site.driver}-{digest.hexdigest()[:8]}.tar.zst"


def restore(site: Site) -> bool:
    """Restore the copy; whether there was one."""
    copy = file(site)
    if not copy.exists():
        return False
    fresh = site.state.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    run(["tar", "-C", fresh, "-I", "zstd", "-xf", copy])
    fresh.rename(site.state)
    say("started from the golden copy")
    return True


def save(site: Site) -> None:
    """Copy while the databases are halted for a moment: they recover as after a loss of power."""
    copy = file(site)
    for old in site.folder.glob(f"golden-{site.driver}-*"):
        old.unlink()
    fresh = copy.with_suffix(".new")
    writers = [int((site.run / f"{name}.pid").read_text().split()[0]) for name in WRITERS]
    excluded = [f"--exclude={path}" for path in LEFT_OUT]
    try:
        for pid in writers:
            os.kill(pid, signal.SIGSTOP)
        run(["tar", "-C", site.state, *excluded, "-I", "zstd -q -3 -T0", "-cf", fresh, "."])
    finally:
        for pid in writers:
            os.kill(pid, signal.SIGCONT)
    fresh.replace(copy)
    say(f"saved a golden copy, {copy.stat().st_size / 2**20:.0f} MiB, for the next start")
