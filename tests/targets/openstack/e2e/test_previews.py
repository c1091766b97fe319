"""What previews of a stack on a cloud show, from its first release to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.previews import LifeOfPreviews, Previews
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


class TestPreviews(LifeOfPreviews):
    """The rollback is to a server that still runs."""
