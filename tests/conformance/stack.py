"""The example stack of a target, deployed by the real program on the small engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from components import changes, lifecycle, program, protection, stack
from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Artifact, File, Release
from flakeship.release import image_files
from flakeship.release.desired import Found
from flakeship.state.stack import Stack
from flakeship.targets import registry
from flakeship.targets.base import TargetSpec
from tests.conformance import small_engine
from tests.conformance.case import Case, case
from tests.conformance.small_engine import STACK, Run
from tests.unit.model.test_ledger import release

Command = Callable[[dict[str, Any]], object]


def build(request: dict[str, Any]) -> dict[str, Any]:
    """What a build of a release prints."""
    path = request["files"]
    digit = request["output"].removeprefix("/nix/store/")[0]
    return plain(Artifact((File(path, 1000, digit * 128),), 512))


@dataclass
class Deployed:
    """A stack of a target; each `up` is a run after the one before."""

    target: str
    patch: pytest.MonkeyPatch
    last: Run = field(default_factory=Run)
    here: bool = True  # whether the files of releases are in the Nix store

    @property
    def spec(self) -> TargetSpec:
        return registry.spec(self.target)

    @property
    def case(self) -> Case:
        return case(self.target)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, as a user writes them."""
        host = {"flake": "git+https://example.org/flake", "host": "web"}
        return {"target": self.target, **host, **self.case.settings}

    @property
    def stack(self) -> Stack:
        """The stack for the user's commands."""
        return Stack(STACK, self.last.deployment())

    def inventory(self) -> Any:
        return self.case.inventory([*self.last.resources.values()])

    def up(self, wanted: Release | None = None, fail: str = "", **settings: Any) -> Run:
        """Deploy a release, the first one by default; a resource whose type has `fail` in it fails.

        Settings may be changed. A run that fails raises its error.
        """
        self.last = self.run(wanted, fail, preview=False, **settings)
        if self.last.error is not None:
            raise self.last.error
        return self.last

    def preview(self, wanted: Release | None = None, **settings: Any) -> Run:
        """What `up` would do; raises the error that it ends with."""
        found = self.run(wanted, preview=True, **settings)
        if found.error is not None:
            raise found.error
        return found

    def run(self, wanted: Release | None, fail: str = "", *, preview: bool, **settings: Any) -> Run:
        found = Found({"web": wanted or release(1)})
        spec, inventory = self.spec, self.inventory()
        opened = spec.open

        def open_(*given: Any) -> Any:
            return Inspected(opened(*given), inventory)

        with self.patch.context() as patch:
            patch.setattr(spec, "open", open_, raising=False)
            patch.setattr(stack, "Flake", lambda *_: Evaluated(found))
            patch.setattr(image_files, "are_here", lambda _: self.here)
            patch.setattr(changes, "report", nothing)
            patch.setattr(protection, "exported", lambda _: self.stack)
            patch.setattr(lifecycle, "leave", left)
            # mocks have no server that hooks could call back
            patch.setattr(pulumi, "ErrorHook", lambda *_: None)
            patch.setattr(pulumi, "ResourceHook", lambda *_: None)
            patch.setattr(pulumi, "ResourceHookBinding", lambda **_: None)
            return small_engine.run(
                program.program,
                config({**self.settings, **settings}),
                self.last,
                self.commands(fail),
                self.case.provided,
                preview=preview,
            )

    def commands(self, fail: str) -> Mapping[str, Command]:
        """What all commands print, and resources result in."""
        own = {f"flakeship:{self.target}:{name}": run for name, run in self.case.commands.items()}
        every = {"build-image": build, "remove-gc-roots": lambda _: {}, **own}

        def refuse(_: dict[str, Any]) -> object:
            raise RuntimeError("a check failed")

        return {name: refuse if fail and fail in name else run for name, run in every.items()}


def left(error: FlakeshipError) -> None:
    """In the place of a process that ends."""
    raise error


def refusal(act: Callable[[], object]) -> FlakeshipError | None:
    """The error that a user would see of something; None where it succeeds."""
    try:
        act()
    except FlakeshipError as error:
        return error
    return None


@dataclass(frozen=True)
class Inspected:
    """A target whose inspection is over."""

    target: Any
    inventory: Any

    async def inspect(self, *_: object) -> Any:
        return self.inventory

    def plan(self, *given: Any) -> Any:
        return self.target.plan(*given)


@dataclass(frozen=True)
class Evaluated:
    """A flake that is evaluated."""

    found: Found

    def releases(self, hosts: list[str]) -> Found:
        return Found({host: self.found.releases[host] for host in hosts})


async def nothing(*_: object) -> None:
    """No report of changes."""


def config(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as Pulumi hands them over."""
    return {
        f"flakeship:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }
