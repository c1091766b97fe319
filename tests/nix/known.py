"""The tests' flake of facts, beside a copy of nix/, and what it says of a host in a variant."""

from __future__ import annotations

import json
import os
import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flakeship.model.errors import CommandError
from flakeship.model.release import Release
from flakeship.nix import store
from flakeship.nix.evaluate import read
from flakeship.nix.store import NIX
from flakeship.nix.workers import workers
from flakeship.system.process import run
from tests.project import ROOT

HERE = Path(__file__).parent
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0 test"
HOSTS = sorted(file.stem for file in (ROOT / "nix/hosts").glob("*.nix"))
VARIANTS = re.findall(r"(?m)^  ([\w-]+) = \./", (ROOT / "nix/variants/default.nix").read_text())

STRICT = ["--option", "abort-on-warn", "true"]
"""The evaluation cache does not repeat a warning: one is an error, which it repeats."""

WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    # with one date the same files are the same commit: the evaluation cache knows it from before
    for what, value in (
        ("NAME", "test"),
        ("EMAIL", "test@example.org"),
        ("DATE", "2026-01-01T00:00:00Z"),
    )
}
# Without a collection before the first gigabyte an evaluation takes two thirds of its time.
FAST = {"GC_INITIAL_HEAP_SIZE": "1G"}


def env() -> dict[str, str]:
    return os.environ | WHO | FAST


@dataclass(frozen=True)
class Repository:
    """A git repository with README.md, nix/ as it is here, and facts/."""

    path: Path

    @property
    def facts(self) -> str:
        return f"{self.path}/facts"

    @property
    def hosts(self) -> str:
        return f"{self.path}/nix"

    def commit(self) -> None:
        run(["git", "add", "-A"], cwd=self.path)
        run(["git", "commit", "--allow-empty", "-qm", "test"], cwd=self.path, env=env())

    def drv(self, attribute: str, *words: str) -> str:
        """The derivation of an attribute; raises CommandError, also where there is a warning."""
        how = ["--derivation", "--no-write-lock-file", *STRICT, *words]
        argv = [*NIX, "path-info", *how, attribute]
        done = run(argv, env=env(), check=False)
        if done.code:
            # an error is followed by a long way to it, and a warning has no other words
            warnings = [line for line in done.stderr.splitlines() if "warning:" in line]
            raise CommandError("\n".join([*warnings, done.stderr[-1000:]]), done.code, done.stderr)
        return done.stdout.strip()


def repository(path: Path, nixpkgs: str) -> Repository:
    """A repository whose flakes are locked to a nixpkgs."""
    ignore = shutil.ignore_patterns("appliance", "result*")
    shutil.copytree(ROOT / "nix", path / "nix", ignore=ignore)
    shutil.copytree(HERE / "facts", path / "facts")
    (path / "facts/access").mkdir()
    (path / "facts/access/authorized_keys").write_text(f"# the test's\n\n{KEY}\n")
    (path / "README.md").write_text("Hosts.\n")
    run(["git", "init", "-q", path])
    made = Repository(path)
    for flake, override in (("nix", ["--override-input", "nixpkgs", nixpkgs]), ("facts", [])):
        run(["git", "add", "-A"], cwd=path)
        run([*NIX, "flake", "lock", path / flake, *override], env=env())
    made.commit()
    return made


@dataclass(frozen=True)
class Known:
    """A host in a variant: the path of its facts' derivation."""

    host: str
    variant: str
    drv: str

    @cached_property
    def environment(self) -> dict[str, str]:
        found: dict[str, str] = store.derivation(self.drv)["env"]
        return found

    @cached_property
    def facts(self) -> Any:
        return json.loads(self.environment["facts"])

    @property
    def release_drv(self) -> str:
        return self.environment["releaseDrv"]

    @cached_property
    def release(self) -> Release:
        return read(self.release_drv, f"{self.host}.{self.variant}")


@dataclass
class Evaluations:
    """Evaluates the facts of hosts, the next beside the one that is looked at."""

    repository: Repository
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(workers(2)))
    begun: dict[tuple[str, str], Future[Known]] = field(default_factory=dict)

    def begin(self, host: str, variant: str) -> Future[Known]:
        if (host, variant) not in self.begun:
            self.begun[host, variant] = self.pool.submit(self.evaluate, host, variant)
        return self.begun[host, variant]

    def evaluate(self, host: str, variant: str) -> Known:
        attribute = f"{self.repository.facts}#facts.{host}.{variant}"
        return Known(host, variant, self.repository.drv(attribute))
