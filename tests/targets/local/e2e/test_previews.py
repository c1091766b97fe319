"""What previews of a stack on the workstation show, from its first release to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.previews import LifeOfPreviews, Previews
from tests.targets.local.e2e.conftest import Appliance

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def previews(appliance: Appliance) -> Previews:
    return Previews(appliance, GOLDEN, {str(appliance.port): "18080"})


class TestPreviews(LifeOfPreviews):
    """The address moves to a machine that boots: the workstation keeps none running."""
