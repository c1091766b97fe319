"""Backends that a team shares, and what a colleague's checkout is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from dev.setup import backends
from flakeship.system.process import Result
from tests import postgres, s3
from tests.engine.conftest import FakeStack

MISSING = "`dev/setup/run backends` installs it"
PASSWORD = "s3cr3t-of-the-database"
LOCKED = "currently locked by 1 lock"  # as Pulumi says it
UNSEEN = "its owner cannot be seen from here"


@contextmanager
def database() -> Iterator[postgres.Server]:
    """A PostgreSQL; where there is none the test is skipped, with the one reason."""
    if not backends.postgres():
        pytest.skip(f"no PostgreSQL: {MISSING}")
    with postgres.server(PASSWORD) as server:
        yield server


@contextmanager
def on_postgres() -> Iterator[Mapping[str, str]]:
    """The environment that selects PostgreSQL."""
    with database() as server:
        yield server.env


@contextmanager
def on_s3() -> Iterator[Mapping[str, str]]:
    """The environment that selects S3, as far as moto speaks it."""
    if not backends.moto():
        pytest.skip(f"no moto: {MISSING}")
    with s3.server() as url:
        yield {**s3.CREDENTIALS, "PULUMI_BACKEND_URL": url}


def age(stack: FakeStack) -> None:
    """A sweep is certain only of what is older than a minute."""
    cloud = stack.cloud()
    for machine in cloud.of("machine"):
        machine.created = datetime.now(UTC) - timedelta(minutes=5)
    stack.change(cloud)


def up(stack: FakeStack) -> Result:
    return stack.pulumi("up", "--yes", "--skip-preview", check=False)
