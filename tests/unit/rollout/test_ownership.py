"""Ownership tags, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.rollout.ownership import Owner

WEB = Owner("dev", "web", "web-11111111")


@pytest.mark.parametrize(
    "owner", [Owner("dev"), WEB, WEB.for_verification(), WEB.for_verification().of_this_checkout()]
)
def test_tags_are_read_as_they_were_written(owner: Owner) -> None:
    assert Owner.read({**owner.tags, "theirs": "x"}) == owner


def test_what_is_empty_has_no_tag() -> None:
    assert Owner("dev").tags == {"flakeship_stack": "dev"}
    assert WEB.for_verification().tags == {
        "flakeship_stack": "dev",
        "flakeship_name": "web",
        "flakeship_release": "web-11111111",
        "flakeship_temporary": "1",
    }


def test_what_has_no_tags_of_ours_has_no_stack() -> None:
    assert Owner.read({"owner": "somebody"}) == Owner("")


def test_another_directory_is_another_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = WEB.of_this_checkout()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    there = WEB.of_this_checkout()
    assert here != WEB
    assert here != there
    assert there == WEB.of_this_checkout()
