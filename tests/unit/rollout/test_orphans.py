"""What a sweep removes, row by row, and what it leaves for a person."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.orphans import Disposal, OwnedResource, Unrecorded, sweep
from flakeship.rollout.ownership import Owner

READ = datetime(2026, 7, 2, 12, tzinfo=UTC)
OWNER = Owner("dev", "web", "web-33333333")
TEMPORARY = OWNER.for_verification()
OLD, YOUNG = READ - timedelta(days=30), READ - timedelta(hours=1)
MACHINE, ADDRESS, BY_HAND = Disposal.MACHINE, Disposal.ADDRESS, Disposal.BY_HAND
UPLOAD, IMAGE = Disposal.UPLOAD, Disposal.IMAGE
ELSEWHERE = replace(OWNER, checkout="0123456789ab")


def resource(
    disposal: Disposal, owner: Owner = OWNER, created: datetime | None = YOUNG, **more: Any
) -> OwnedResource:
    return OwnedResource("kind", more.pop("id", "it"), "name", owner, disposal,
                         created=created, **more)  # fmt: skip


def orphaned(it: OwnedResource, held: Collection[str] = (), removed: Collection[str] = ()) -> bool:
    return bool(Unrecorded([it], held, READ).reason(it, removed))


def test_a_temporary_address_that_leads_nowhere_is_orphaned() -> None:
    assert orphaned(resource(ADDRESS, TEMPORARY))
    assert orphaned(resource(ADDRESS, TEMPORARY, None))
    assert orphaned(resource(ADDRESS, TEMPORARY, attached_to="a-port"), removed={"a-port"})
    assert not orphaned(resource(ADDRESS, TEMPORARY, OLD, attached_to="a-port"))
    assert not orphaned(resource(ADDRESS, OWNER, OLD))


def test_a_temporary_machine_is_orphaned_when_it_is_older_than_any_verification() -> None:
    assert orphaned(resource(MACHINE, TEMPORARY, OLD))
    assert not orphaned(resource(MACHINE, TEMPORARY, YOUNG))
    assert not orphaned(resource(MACHINE, TEMPORARY, None))
    assert not orphaned(resource(MACHINE, OWNER, OLD))


def test_an_upload_that_was_not_finished_is_this_checkouts_or_old() -> None:
    here = OWNER.of_this_checkout()
    assert orphaned(resource(UPLOAD, here, YOUNG))
    assert not orphaned(resource(UPLOAD, here, READ - timedelta(seconds=30)))
    assert not orphaned(resource(UPLOAD, here, None))
    for owner in (OWNER, ELSEWHERE):
        assert not orphaned(resource(UPLOAD, owner, YOUNG))
        assert orphaned(resource(UPLOAD, owner, OLD))


def test_an_image_is_removed_only_where_this_checkout_made_it() -> None:
    here = OWNER.of_this_checkout()
    assert orphaned(resource(IMAGE, here, YOUNG))
    assert not orphaned(resource(IMAGE, here, READ - timedelta(seconds=30)))
    assert not orphaned(resource(IMAGE, here, YOUNG, attached_to="a-machine"))
    for owner in (OWNER, ELSEWHERE):
        assert not orphaned(resource(IMAGE, owner, OLD))


def test_what_is_known_to_have_been_there_is_at_least_that_old() -> None:
    here = OWNER.of_this_checkout()
    assert orphaned(resource(IMAGE, here, None, since=YOUNG))
    recent = resource(IMAGE, here, None, since=READ - timedelta(seconds=30))
    assert not orphaned(recent)
    assert 30 < Unrecorded([recent], (), READ).wait() < 32
    assert "created" not in str(recent)


def test_what_is_attached_goes_after_what_it_is_attached_to() -> None:
    part = resource(MACHINE, TEMPORARY, OLD, attached_to="server")
    assert not orphaned(part)
    assert orphaned(part, removed={"server"})


def test_what_depends_on_something_in_the_state_was_made_by_a_killed_run() -> None:
    on = resource(MACHINE, depends_on=["a-port", "a-network"])
    assert orphaned(on, {"a-network"})
    assert not orphaned(on, {"another"})
    # without tags somebody else may have put it there
    assert not orphaned(resource(MACHINE, Owner(""), depends_on=["a-network"]), {"a-network"})


@pytest.mark.parametrize("created", [READ - timedelta(seconds=30), None])
def test_what_may_have_been_made_after_the_state_was_read_stays(created: datetime | None) -> None:
    on = resource(MACHINE, created=created, depends_on=["a-network"])
    assert not orphaned(on, {"a-network"})


def test_what_others_may_use_is_never_removed() -> None:
    assert not orphaned(resource(BY_HAND, TEMPORARY, OLD, depends_on=["a"]), {"a"})


@pytest.mark.parametrize(("age", "waits"), [(40, 21), (-30, 91), (61, 0), (-3600, 0), (None, 0)])
def test_what_is_young_and_of_this_stack_is_waited_for(
    age: int | None, waits: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flakeship")
    created = None if age is None else READ - timedelta(seconds=age)
    found = Unrecorded(
        [
            resource(MACHINE, created=created, depends_on=["another"]),
            resource(MACHINE, created=created, depends_on=["a-network"]),
            resource(BY_HAND, created=created, depends_on=["a-network"]),
            resource(UPLOAD, ELSEWHERE, created),
        ],
        {"a-network"},
        READ,
    )
    assert found.wait() == waits
    assert len(caplog.messages) == bool(waits)


def test_a_young_upload_of_this_checkout_is_waited_for() -> None:
    young = resource(UPLOAD, OWNER.of_this_checkout(), READ - timedelta(seconds=40))
    assert Unrecorded([young], (), READ).wait() == 21


def test_a_sweep_removes_in_order_and_leaves_the_rest() -> None:
    server = resource(MACHINE, TEMPORARY, OLD, id="server")
    port = resource(MACHINE, TEMPORARY, OLD, id="port", attached_to="server")
    network = resource(BY_HAND, id="network")
    removed: list[str] = []
    swept = sweep(
        lambda: Unrecorded([server, port, network], (), READ), lambda it: removed.append(it.id)
    )
    assert removed == ["server", "port"]
    assert (swept.removed, swept.left) == ([server, port], [network])


def test_what_cannot_be_removed_is_left_with_what_is_attached_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "flakeship")
    server = resource(MACHINE, TEMPORARY, OLD, id="server")
    port = resource(MACHINE, TEMPORARY, OLD, id="port", attached_to="server")

    def remove(_: OwnedResource) -> None:
        raise FlakeshipError("it is locked")

    swept = sweep(lambda: Unrecorded([server, port], (), READ), remove)
    assert (swept.removed, swept.left) == ([], [server, port])
    assert caplog.messages == ["it is locked"]


@pytest.mark.parametrize("recorded", [False, True])
def test_after_a_wait_everything_is_read_again(
    monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("flakeship.rollout.orphans.time.sleep", slept.append)

    def inspect() -> Unrecorded:
        read = READ + timedelta(seconds=sum(slept))
        young = resource(MACHINE, created=READ - timedelta(seconds=40), depends_on=["net"])
        return Unrecorded([] if slept and recorded else [young], {"net"}, read)

    swept = sweep(inspect, lambda _: None)
    assert slept == [21]
    assert len(swept.removed) == (not recorded)
