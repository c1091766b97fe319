"""Whose a virtual machine is: nobody else's id is claimed, and nothing of theirs is removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import find, ownership, proof
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Access, Login
from flakeship.targets.proxmox.requests import OwnershipRequest, ProofRequest
from flakeship.targets.proxmox.resources import Marks, tags
from tests.targets.proxmox.unit.site import MACHINE, Site, SiteApi

OWN = Marks(stack="dev", machine=MACHINE)
TEMPLATE = Marks(stack="dev", release="appliance-3izdly52")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()
    found = Login("https://pve1.example.com:8006", "iac@pve!ci", "")

    @contextmanager
    def connected(given: Login) -> Iterator[Api]:
        yield SiteApi(made, given)

    monkeypatch.setattr(client, "connected", connected)
    monkeypatch.setattr(login, "find", lambda _: found)
    monkeypatch.setattr(find, "LAG", 0.0)
    return made


def request() -> OwnershipRequest:
    return OwnershipRequest(Access(), 9001, MACHINE, tags(9001, OWN))


def half_made(site: Site) -> None:
    """A clone whose configuration was never written: it has the tags of its template."""
    site.clone(9001, OWN, 9000, status="stopped", uptime=0, tags=";".join(tags(9000, TEMPLATE)))


def test_an_id_that_nobody_has_is_claimed(site: Site) -> None:
    site.add(9002, "theirs")
    ownership.claim(request(), "")
    assert site.changed == []


def test_ours_is_claimed_again(site: Site) -> None:
    before = codec.dump(ownership.claim(request(), ""))
    site.clone(9001, OWN, 9000)
    assert codec.dump(ownership.claim(request(), before)) == before
    assert site.changed == []


def test_what_a_killed_run_or_another_checkout_has_made_is_not_taken_over(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    with pytest.raises(FlakeshipError) as caught:
        ownership.claim(request(), "")
    assert caught.value.code == "machine-left"
    assert "recover" in caught.value.remedy
    assert site.changed == []


def test_what_the_token_may_not_see_is_not_taken_for_gone(site: Site) -> None:
    site.hidden.append(9001)
    with pytest.raises(FlakeshipError) as caught:
        ownership.remove(request())
    assert caught.value.code == "id-hidden"


@pytest.mark.parametrize("own", [None, Marks(stack="other", machine=MACHINE), TEMPLATE])
def test_an_id_that_somebody_else_has_by_now_is_refused(site: Site, own: Marks | None) -> None:
    site.add(9001, MACHINE, own)
    with pytest.raises(FlakeshipError) as caught:
        ownership.claim(request(), "")
    assert caught.value.code == "id-taken"
    assert "another id" in caught.value.remedy
    assert site.changed == []


def test_what_is_gone_is_no_failure(site: Site) -> None:
    ownership.remove(request())
    assert site.changed == []


def test_what_was_not_made_completely_is_removed_too(site: Site) -> None:
    half_made(site)
    ownership.remove(request())
    assert site.vms == {}


@pytest.mark.parametrize("changed", [{"name": "theirs"}, {"description": "theirs"}])
def test_what_was_ours_and_has_other_tags_stays_with_an_error(
    site: Site, changed: dict[str, str]
) -> None:
    half_made(site)
    site.configs[9001] |= changed
    with pytest.raises(FlakeshipError) as caught:
        ownership.remove(request())
    assert caught.value.code == "machine-replaced"
    assert site.changed == []


@pytest.mark.parametrize("own", [None, Marks(stack="other", machine=MACHINE)])
def test_what_never_was_ours_stays_and_is_no_error(
    site: Site, own: Marks | None, caplog: pytest.LogCaptureFixture
) -> None:
    site.add(9001, "theirs" if own is None else MACHINE, own)
    ownership.remove(request())
    assert site.changed == []
    assert "stays as it is" in caplog.text


def test_an_id_of_something_that_the_token_may_not_see_is_refused(site: Site) -> None:
    site.hidden.append(9001)
    with pytest.raises(FlakeshipError) as caught:
        ownership.claim(request(), "")
    assert caught.value.code == "id-taken"


@pytest.mark.parametrize(("disk", "passes"), [(2048, True), (2049, False)])
def test_the_disk_is_compared(site: Site, disk: int, *, passes: bool) -> None:
    site.clone(9001, OWN, 9000)
    asked = ProofRequest(Access(), 9001, MACHINE, tags(9001, OWN), disk)
    if passes:
        proof.prove(asked)
        return
    with pytest.raises(FlakeshipError) as caught:
        proof.prove(asked)
    assert (caught.value.code, caught.value.given) == ("disk-differs", "2048 MiB")


def test_what_is_not_ours_is_no_proof(site: Site) -> None:
    site.add(9001, MACHINE)
    with pytest.raises(FlakeshipError) as caught:
        proof.prove(ProofRequest(Access(), 9001, MACHINE, tags(9001, OWN)))
    assert caught.value.code == "machine-replaced"
