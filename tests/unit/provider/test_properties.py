"""Pulumi's messages as plain values, and what differs in them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from flakeship.provider.properties import (
    ADDED,
    CHANGED,
    REMOVED,
    differences,
    inputs,
    is_known,
    message,
    plain,
    told,
    top,
)


def test_values_survive_a_message() -> None:
    values = {"a": 1, "b": 1.5, "c": [True, None, {"d": "x"}], "e": {}, "f": 300}
    assert plain(message(values)) == values
    assert isinstance(plain(message({"a": 1.0}))["a"], int)


def test_a_number_that_is_none_can_be_read() -> None:
    (found,) = plain(message({"a": [math.nan]}))["a"]
    assert math.isnan(found)


def test_what_is_the_engines_own_is_left_out() -> None:
    assert plain(message({"__defaults": [], "a": 1})) == {"a": 1}
    assert inputs({"a": 1, "id": "web", "result": {"b": 2}}) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "known"),
    [(1, True), (UNKNOWN, False), ({"a": [{"b": UNKNOWN}]}, False), ({"a": ["x"]}, True)],
)
def test_a_value_with_an_unknown_part_is_unknown(value: object, known: bool) -> None:
    assert is_known(value) is known


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": CHANGED}),
        ({"a": 1}, {"a": UNKNOWN}, {"a": CHANGED}),
        ({"a": 1}, {"a": True}, {"a": CHANGED}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a.c": REMOVED}),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, {"a[1]": CHANGED, "a[2]": ADDED}),
        ({"a": [{"b": 1}]}, {"a": []}, {"a[0]": REMOVED}),
        (
            {"a": {"22": 1, 'x"y.z': 1}},
            {"a": {"22": 2}},
            {"a.22": CHANGED, 'a["x\\"y.z"]': REMOVED},
        ),
        ({"a\\": 1}, {}, {'["a\\\\"]': REMOVED}),
        ({"a": {}}, {"a": []}, {"a": CHANGED}),
    ],
)
def test_each_place_that_differs(old: Any, new: Any, found: dict[str, str]) -> None:
    assert dict(differences(old, new)) == found


def test_a_counter_is_told_only_where_nothing_else_differs() -> None:
    moved = {"host.machine": CHANGED, "generation": CHANGED}
    assert told(moved) == {"host.machine": CHANGED}
    assert told({"generation": CHANGED, "boot": CHANGED}) == {
        "generation": CHANGED,
        "boot": CHANGED,
    }
    assert [top(path) for path in ("a.b[1]", "a[0].b", "a")] == ["a", "a", "a"]
