"""Virtual machines say whose they are by tags, and copies made by hand do not."""

from __future__ import annotations

import re

import pytest

from flakeship.targets.proxmox.resources import Marks, marks, tags, written

TAG = re.compile(r"[a-z0-9_][a-z0-9_.+-]*")  # what Proxmox VE takes, in its own case


@pytest.mark.parametrize(
    "given",
    [
        Marks(stack="dev", machine="web-3izdly52-1a2b", address="192.0.2.10"),
        Marks(stack="dev", machine="web-3izdly52-1a2b", address="2001:db8::10"),
        Marks(stack="dev", release="web-3izdly52", checkout="0123456789ab", temporary=True),
    ],
)
def test_tags_are_read_back(given: Marks) -> None:
    made = tags(9000, given)
    assert made == sorted(made)
    assert all(TAG.fullmatch(tag) for tag in made)
    assert marks(9000, [*made, "other", "a;b", ""]) == given


def test_a_copy_made_by_hand_is_nobodys() -> None:
    assert marks(100, tags(9000, Marks(stack="dev", machine="web-1-2"))) == Marks()


def test_tags_of_others_say_nothing() -> None:
    for given in (["production"], ["flakeship_stack.dev"], ["flakeship_id"], []):
        assert marks(9000, given) == Marks()


def test_names_that_differ_in_their_case_alone_stay_apart() -> None:
    assert written("dev") == "dev"
    assert written("Dev") != written("DEV") != written("dev")
    assert TAG.fullmatch(written("Dev"))
    made = tags(9000, Marks(stack="Dev", release="Web_1.x-3izdly52"))
    assert marks(9000, [tag.lower() for tag in made]).stack == written("Dev")
