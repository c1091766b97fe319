"""A plan is computed from its arguments alone."""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from flakeship.config.settings import validated
from flakeship.model.release import Release
from flakeship.release.desired import Desired
from flakeship.state import outputs
from flakeship.targets import registry
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

AUDITED = ("open", "os.", "pathlib.", "socket.", "subprocess.", "shutil.", "tempfile.", "glob.")
NOT_AUDITED = {
    os: ("stat", "lstat", "getcwd", "readlink", "access", "uname", "getlogin", "urandom"),
    time: ("time", "monotonic", "time_ns", "perf_counter", "sleep"),
    random: ("random", "choice", "randint", "getrandbits"),
}


class ImpureError(Exception):
    """Something was read from outside, or changed there."""


WATCHING: list[bool] = []


def allowed() -> bool:
    """Whether it is Python that loads a module, or pydantic that makes a reader of a class."""
    frame: FrameType | None = sys._getframe()
    while frame:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or re.search("/pydantic/(plugin|_internal)/", file):
            return True
        frame = frame.f_back
    return False


def audit(event: str, given: tuple[Any, ...]) -> None:
    if WATCHING and event.startswith(AUDITED) and not allowed():
        raise ImpureError(f"{event} {given[:1]}")


sys.addaudithook(audit)


class NoEnvironment(dict[str, str]):
    """An environment that nobody may look at."""

    def __getitem__(self, key: str) -> str:
        if not allowed():
            raise ImpureError(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self.keys() else default

    def __iter__(self) -> Iterator[str]:
        raise ImpureError("the environment")


@contextmanager
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing inside may reach the world: it raises ImpureError."""

    def refused(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            if allowed():
                return original(*given, **more)
            raise ImpureError(name)

        return call

    with monkeypatch.context() as patch:
        for module, names in NOT_AUDITED.items():
            for name in names:
                patch.setattr(module, name, refused(name, getattr(module, name)))
        patch.setattr(os, "environ", NoEnvironment(os.environ))
        WATCHING.append(True)
        try:
            yield
        finally:
            WATCHING.clear()


@pytest.mark.parametrize(
    "reach",
    [
        lambda: Path("/etc/hostname").read_text(),
        lambda: Path("/").exists(),
        lambda: list(Path("/").iterdir()),
        Path.cwd,
        lambda: os.environ.get("HOME"),
        lambda: os.environ["HOME"],
        lambda: __import__("subprocess").run(["true"], check=False),
        lambda: __import__("socket").create_connection(("127.0.0.1", 9)),
        lambda: __import__("socket").gethostname(),
        lambda: time.time() > 0,
    ],
)
def test_the_guard_sees_what_reaches_the_world(
    reach: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImpureError), guarded(monkeypatch):
        reach()


def desired(deployed: Deployed, wanted: Release) -> Desired:
    settings = validated(deployed.settings, deployed.spec, registry.names())
    return Desired("dev", settings, {"web": wanted}, outputs.read(deployed.last.outputs, "dev"))


def needs_files(deployed: Deployed, digit: int) -> set[str]:
    given = desired(deployed, release(digit))
    plan = deployed.spec.open("dev", given.settings).plan(given, deployed.inventory())
    names = {each.name for each in plan.releases.values()} | {each.name for each in plan.records}
    assert names >= {*plan.needs_files}
    return {*plan.needs_files}


def test_files_are_needed_to_boot_and_not_of_what_runs(deployed: Deployed) -> None:
    one, two = release(1).name, release(2).name
    assert needs_files(deployed, 1) == {one}
    deployed.up(release(1))
    assert one not in needs_files(deployed, 1)
    assert two in needs_files(deployed, 2)
    deployed.up(release(2))
    assert two not in needs_files(deployed, 2)
    # to go back takes them where the target keeps no image
    assert (one in needs_files(deployed, 2)) == (one in needs_files(deployed, 1))


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_a_plan_is_pure(deployed: Deployed, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, runs + 1):
        deployed.up(release(number))
    given, inventory = desired(deployed, release(3)), deployed.inventory()
    target = deployed.spec.open("dev", given.settings)
    with guarded(monkeypatch):
        plan = target.plan(given, inventory)
        again = target.plan(given, inventory)
    assert plan == again
    assert plan.releases == {"web": release(3)}
    assert [record.name for record in plan.records] == [
        release(number).name for number in range(runs, 0, -1)
    ]
