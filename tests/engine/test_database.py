"""States in PostgreSQL: two stacks, a connection that is lost in mid-run, and mistakes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.state.stack import SIGNATURE
from tests import postgres
from tests.engine.conftest import FakeStack, end_all, fake_stack, starting, until
from tests.engine.shared import LOCKED, PASSWORD, age, database, up
from tests.project import ROOT


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with database() as found:
        yield found


@pytest.fixture
def stack(tmp_path: Path, server: postgres.Server) -> Iterator[FakeStack]:
    yield fake_stack(tmp_path, **server.env)
    end_all(tmp_path)


def test_the_life_of_two_stacks_with_a_lost_connection(
    stack: FakeStack, server: postgres.Server
) -> None:
    stack.up()
    state = stack.state()
    assert state["secrets_providers"]["type"] == "passphrase"
    (found,) = [each for each in state["resources"] if each["type"] == "pulumi:pulumi:Stack"]
    assert found["outputs"]["machines"][SIGNATURE]
    other = replace(stack, env=stack.env | {"PULUMI_CONFIG_PASSPHRASE": "another"})
    assert "incorrect passphrase" in other.pulumi("preview", check=False).stderr
    servers = [{"name": "web", "ports": [{"port": 80}]}]
    settings = {"host": "tiny", "target": "fake", "servers": servers, "promoteFrom": "test"}
    prod = stack.beside("prod", settings)
    prod.up()
    before = stack.running()
    assert prod.running() == before
    shown = stack.flakeship("releases", "--json")
    assert {each["name"] for each in json.loads(shown.stdout)["environments"]} == {"test", "prod"}

    stack.write("two")
    with starting(stack, 1) as engine:
        server.kill()
        lost = stack.flakeship("status")
        assert lost.code == 1
        assert "PULUMI_BACKEND_URL" in lost.stderr
        assert "connection refused" in lost.stderr
        until(lambda: engine.poll() is not None, 180)
        assert engine.poll() != 0
    server.start()
    assert stack.running() == before
    assert LOCKED in up(stack).stderr
    age(stack)
    recovered = stack.flakeship("recover", "--break-lock")
    assert recovered.code == 0, recovered.stderr
    stack.config("servers[0].fake.bootSeconds", "0")
    stack.up()
    assert stack.running() != before
    stack.preview("--expect-no-changes")

    # a checkout of an older version
    state = stack.state()
    (found,) = [each for each in state["resources"] if each["type"] == "pulumi:pulumi:Stack"]
    found["outputs"]["flakeship"] |= {"schema": 99, "version": "9.9"}
    file = stack.path / "newer.json"
    file.write_text(json.dumps({"version": 3, "deployment": state}))
    stack.pulumi("stack", "import", "--file", str(file))
    refused = up(stack)
    assert refused.code != 0
    assert "last deployed by Flakeship 9.9" in refused.stdout + refused.stderr
    assert "Update this checkout" in refused.stdout + refused.stderr


def wrong_password(_: postgres.Server, path: Path) -> Mapping[str, str]:
    file = path / "pgpass"
    file.write_text(f"*:*:*:*:{PASSWORD}-no\n")
    file.chmod(0o600)
    return {"PGPASSFILE": str(file)}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (wrong_password, "password authentication failed"),
        (lambda it, _: {"PULUMI_BACKEND_URL": it.url.replace("/state", "/x")}, "does not exist"),
        (lambda it, _: {"PULUMI_BACKEND_URL": it.url.replace(f":{it.port}", ":1")}, "refused"),
        (lambda it, _: {"PULUMI_BACKEND_URL": f"postgress{it.url[8:]}"}, "PULUMI_ACCESS_TOKEN"),
        (
            lambda it, _: {
                "PULUMI_BACKEND_URL": it.url.replace("@", f":{PASSWORD}-no@"),
            },
            "password authentication failed",
        ),
    ],
)
def test_a_backend_that_cannot_be_used(
    given: Callable[[postgres.Server, Path], Mapping[str, str]],
    why: str,
    server: postgres.Server,
    tmp_path: Path,
) -> None:
    env = {**os.environ, **server.env, **given(server, tmp_path)}
    env.pop("PULUMI_STACK", None)
    stack = FakeStack(tmp_path, tmp_path, env)
    for name in (".venv", "flakeship", "Pulumi.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for words in (["status"], ["releases"]):
        done = stack.flakeship(*words)
        assert done.code == 1
        assert "PULUMI_BACKEND_URL" in done.stderr
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert PASSWORD not in done.stderr
