"""What previews of a stack on the workstation show, from its first release to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.previews import Previews
from tests.targets.local.e2e.conftest import Appliance

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def previews(appliance: Appliance) -> Previews:
    return Previews(appliance, GOLDEN, {str(appliance.port): "18080"})


def test_a_first_up(previews: Previews) -> None:
    previews.compare("first-up", "preview")


def test_a_no_op(appliance: Appliance, previews: Previews) -> None:
    appliance.up()
    previews.compare("no-op", "preview")


def test_a_new_release(appliance: Appliance, previews: Previews) -> None:
    appliance.edit("Hello from the appliance", "Welcome to the appliance")
    previews.compare("new-release", "preview")


def test_a_rollback(appliance: Appliance, previews: Previews) -> None:
    older = appliance.running()
    appliance.up()
    appliance.config("release", older)
    previews.compare("rollback", "preview")


def test_a_destroy(previews: Previews) -> None:
    previews.compare("destroy", "destroy", "--preview-only")
