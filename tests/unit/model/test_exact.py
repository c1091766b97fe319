"""What Pulumi would change on its way, or fail at, is refused with its place."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.exact import LIMIT, refuse_inexact


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (LIMIT, "web"),
        ({"a": 1, "b": [0, {"c": -LIMIT}]}, "web.b[1].c"),
        ([1.5, math.nan], "web[1]"),
        ({"a.b": math.inf}, 'web["a.b"]'),
        ({"a": -math.inf}, "web.a"),
        ({"a": ("x", "\ud800")}, "web.a[1]"),
        ({"a": {"\udfff": 1}}, "web.a"),
    ],
)
def test_what_cannot_be_carried_is_named(value: Any, place: str) -> None:
    with pytest.raises(FlakeshipError) as raised:
        refuse_inexact(value, "web")
    assert (raised.value.code, raised.value.key) == ("property-inexact", place)
    assert raised.value.given
    str(raised.value).encode()  # a terminal can show it


def test_everything_else_passes() -> None:
    refuse_inexact([LIMIT - 1, 1 - LIMIT, 0.1, True, None, "\U0001f600", {"é": {}}, object()])
