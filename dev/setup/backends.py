"""Gets what the tests of shared backends need: PostgreSQL of Debian, and moto's S3 from PyPI.

moto is a server that keeps buckets in memory; it has an environment of its own in the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from dev.setup import packages, paths
from dev.setup.progress import say
from dev.setup.tools import UV, Found, Machine, Tool, locate
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

VERSIONS = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version, which are not on PATH."""
POSTGRES = Tool("PostgreSQL", ("initdb", "pg_ctl", "psql"), packages={"apt-get": "postgresql"})
LOCK = paths.ROOT / "dev/setup/moto.txt"


def postgres() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None where there is none."""
    found = VERSIONS.glob("[1-9]*/bin/initdb")
    newest = max(found, key=lambda it: float(it.parts[-3]), default=None)
    return newest.parent if newest else None


def moto() -> Path | None:
    """The program of moto's server, made from the lock file as it is; None where there is none."""
    program = _environment() / "bin/moto_server"
    return program if program.exists() else None


def _environment() -> Path:
    return paths.cache() / f"moto-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def ensure(machine: Machine) -> None:
    """Install what is missing. Where that fails it says why: the tests that need it are skipped."""
    if not moto():
        _install_moto(str(locate(UV, machine).path or UV.name))
    if postgres():
        return
    missing = Found(POSTGRES, problem=f"there is no PostgreSQL in {VERSIONS}")
    if not (machine.root and machine.manager == "apt-get"):
        say(f"{missing.problem}, so its tests are skipped. Run on Debian, as root: apt-get install "
            f"{POSTGRES.packages['apt-get']}")  # fmt: skip
        return
    say(f"PostgreSQL: by apt-get, because {missing.problem}")
    try:
        with packages.without_services():
            packages.install([missing], machine)
    except FlakeshipError as error:
        say(f"PostgreSQL cannot be installed, so its tests are skipped: {error}")


def _install_moto(uv: str) -> None:
    say("moto: installing it from PyPI, an S3 for the tests of shared backends")
    where = _environment()
    for old in paths.cache().glob("moto-*"):
        shutil.rmtree(old)
    try:
        run([uv, "venv", "--quiet", "--python", ">=3.11", where])
        words = ["--quiet", "--compile-bytecode", "--require-hashes", f"--requirement={LOCK}"]
        env = os.environ | {"VIRTUAL_ENV": str(where)}
        run([uv, "pip", "install", *words], env=env, timeout=600)
    except FlakeshipError as error:
        shutil.rmtree(where, ignore_errors=True)
        say(f"moto cannot be installed, so the tests with S3 are skipped: {error}")
