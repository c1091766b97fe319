"""What previews of a stack on a cloud show, from its first release to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.previews import Previews
from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    with stack_on_cloud(tmp_path_factory.mktemp("cloud")) as made:
        made.settings(WEB, retainReleases=2)
        yield made


@pytest.fixture(scope="module")
def previews(stack: CloudStack) -> Previews:
    return Previews(stack, GOLDEN, {stack.stack: "test"})


def test_a_first_up(previews: Previews) -> None:
    previews.compare("first-up", "preview")


def test_a_no_op(stack: CloudStack, previews: Previews) -> None:
    stack.up()
    previews.compare("no-op", "preview")


def test_a_new_release(stack: CloudStack, previews: Previews) -> None:
    stack.edit("Hello from the appliance", "Welcome to the appliance")
    previews.compare("new-release", "preview")


def test_a_rollback_to_a_server_that_still_runs(stack: CloudStack, previews: Previews) -> None:
    older = stack.running()
    stack.up()
    stack.config("release", older)
    previews.compare("rollback", "preview")


def test_a_destroy(previews: Previews) -> None:
    previews.compare("destroy", "destroy", "--preview-only")
