"""What a target protects: its addresses, and images as long as they are in use."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import pytest

from components.protection import Stable
from flakeship.model.errors import FlakeshipError
from flakeship.operate import actions
from flakeship.state.resources import IMAGE
from tests.conformance.small_engine import Run
from tests.conformance.stack import Deployed, refusal
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


def test_what_is_protected_and_not_declared_any_more_is_refused(deployed: Deployed) -> None:
    for _ in range(2):
        deployed.up(protect="true")
    before = deployed.last
    less = [each for each in deployed.settings["servers"] if each["name"] != "db"]
    kept = {"protect": "true"}
    for settings in ({"servers": less, **kept}, {"servers": less}):
        error = refusal(partial(deployed.preview, **settings))
        assert error
        assert error.code == "protected-removal"
        lost = [each for each in before.resources.values() if each.protected]
        assert {line.split("'")[1] for line in error.details} == {
            each.urn for each in lost if "db" in each.name
        }
    deployed.preview(TWO, **kept)
    small = {"retainReleases": "1", **kept}
    if deployed.spec.features.standby:
        small["standbyReleases"] = "0"
    error = refusal(lambda: deployed.preview(TWO, **small))
    assert error
    assert error.code == "protected-removal"
    assert all(ONE.name in line for line in error.details)

    for each in before.resources.values():
        each.protected = False  # as `pulumi state unprotect` does
    deployed.up(TWO, servers=less, **small)
