"""Two people, each with a checkout, on one backend: PostgreSQL, and S3 as far as moto speaks it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.conftest import FakeStack, end_all, fake_stack, starting
from tests.engine.shared import LOCKED, UNSEEN, age, on_postgres, on_s3, up


@pytest.fixture(params=[on_postgres, on_s3])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeStack]:
    """The checkout that deploys first."""
    path = tmp_path / "first"
    path.mkdir()
    with request.param() as env:
        yield fake_stack(path, **env)
        end_all(path)


def colleague(stack: FakeStack, path: Path) -> FakeStack:
    """Another checkout with another home: it has the backend, the passphrase and the key."""
    found = stack.second(path)
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(stack.path / ".state" / name, path / ".state")
    (path / "home").mkdir()
    return replace(found, env=stack.env | {"HOME": str(path / "home")})


def test_two_runs_at_once(first: FakeStack, tmp_path: Path) -> None:
    first.up()
    other = colleague(first, tmp_path / "other")
    before = first.running()
    first.write("two")
    with starting(first, 600) as engine:
        refused = up(other)
        assert refused.code != 0
        assert LOCKED in refused.stderr
        assert f"(pid {engine.pid})" in refused.stderr
        for words in (["recover", "--break-lock"], ["sweep"]):
            denied = other.flakeship(*words)
            assert denied.code == 1
            assert f"a run is under way: process {engine.pid} of " in denied.stderr
        assert "unless a run is under way" in first.flakeship("status").stdout
        assert engine.poll() is None
        engine.kill()
    end_all(first.path)

    # its lock names a process that nobody there can judge
    age(first)
    shutil.copy(first.file, other.file)  # both have one cloud
    unsure = other.flakeship("recover")
    assert unsure.code == 1
    assert UNSEEN in unsure.stderr
    broken = other.flakeship("recover", "--break-lock")
    assert broken.code == 0, broken.stderr
    assert "cleared what was half done: flakeship:fake:Machine" in broken.stdout
    # the colleague continues, from what is in that checkout
    other.write("three")
    other.up()
    assert other.running() != before
    assert "no orphaned resources" in other.flakeship("sweep").stdout
