"""What a target protects: its addresses, and images as long as they are in use."""

from __future__ import annotations

from importlib import import_module

import pytest

from components.protection import Stable
from flakeship.model.errors import FlakeshipError
from flakeship.operate import actions
from flakeship.state.resources import IMAGE
from tests.conformance.small_engine import Run
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

# a provider's package may import what is deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ONE, TWO = release(1), release(2)


def protected(run: Run) -> set[str]:
    return {each.urn for each in run.resources.values() if each.protected}


def images(deployed: Deployed) -> set[str | None]:
    """The releases of which something is protected."""
    kinds = [IMAGE, *stable(deployed).images]
    found = [each for each in deployed.last.resources.values() if each.protected]
    return {kind.subject(each.type, each.urn) for kind in kinds for each in found} - {None}


def stable(deployed: Deployed) -> Stable:
    found: Stable = import_module(f"components.{deployed.target}.graph").STABLE
    return found


def test_the_address_of_every_server_is_protected(deployed: Deployed) -> None:
    assert protected(deployed.up()) == set()
    run = deployed.up(protect="true")
    kinds = stable(deployed).kinds
    found = [each for each in run.resources.values() if each.protected]
    subjects = {kind.subject(each.type, each.urn) for kind in kinds for each in found}
    assert {"web", "db"} <= subjects
    with pytest.raises(FlakeshipError) as refused:
        actions.refuse_protected(deployed.stack)
    assert refused.value.code == "stack-protected"
    assert len(refused.value.details) == len(found)
    assert protected(deployed.up()) == set()
    actions.refuse_protected(deployed.stack)


def test_no_release_removes_what_is_protected(deployed: Deployed) -> None:
    deployed.up(protect="true")
    assert images(deployed) == set()
    deployed.up(protect="true")
    assert images(deployed) == {ONE.name}
    with pytest.raises(Exception, match="a check failed"):
        deployed.up(TWO, fail="Verification", protect="true")
    assert images(deployed) == {ONE.name}
    for number in range(3, 8):
        deployed.up(release(number), protect="true")
    deployed.up(release(7), protect="true")
    assert images(deployed) == {release(7).name}
