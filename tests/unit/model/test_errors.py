"""What a message shows of what others wrote."""

from __future__ import annotations

import pytest

from flakeship.model.errors import SHOWN, FlakeshipError, SettingError, SettingsError, shown
from flakeship.model.text import LINE


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain text", "plain text"),
        ("wéb 你好", "wéb 你好"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\0", r"a\nb\x00"),
        ("\u202ebew", r"\u202ebew"),
        ("\ud800", r"\ud800"),
        ("x" * 81, "x" * 79 + "…"),
        ("\0" * 100, r"\x00" * 19 + r"\x0" + "…"),
    ],
)
def test_a_value_is_cut_and_written_out(text: str, seen: str) -> None:
    assert shown(text) == seen
    assert f", got {seen};" in str(FlakeshipError("x", key="k", given=text, allowed="y"))


def test_a_long_key_is_cut() -> None:
    assert len(str(FlakeshipError("x", key="k" * 5000))) < 400


def test_what_is_long_leaves_room_for_the_next_step() -> None:
    error = FlakeshipError("x" * 9000, key="k", given="g", allowed="a or b", remedy="do this")
    assert str(error).endswith("…, got g; allowed: a or b. Do this")
    assert len(str(error)) == LINE


def test_numbers_in_a_key_have_names_beside_them() -> None:
    error = SettingError("must be y", key="servers[0].ports[1].port")
    error.of = "server web, port 80"
    assert str(error) == "servers[0].ports[1].port (server web, port 80): must be y"


def test_the_first_of_many_are_shown() -> None:
    error = SettingsError([SettingError("x", key=str(number)) for number in range(SHOWN + 5)])
    assert str(error).splitlines()[-1] == "and 5 more"
    assert len(error.problems) == SHOWN + 5
