"""What Nix says on its standard error, and that it is remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flakeship.nix import messages
from flakeship.nix.messages import Said


def line(**event: Any) -> str:
    return f"@nix {json.dumps(event)}\n"


def said(level: int, text: str, **more: Any) -> str:
    return line(action="msg", level=level, msg=text, **more)


LOCK = "warning: not writing modified lock file of flake 'git+file:///x':\n"
OURS = "• Updated input 'access':\n    'path:./access'\n  → 'path:/x/.state/dev/access'\n"
THEIRS = "• \x1b[32;1mAdded input 'nixpkgs':\x1b[0m\n    'github:NixOS/nixpkgs/abc'\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (said(0, "trace: evaluation warning: old option"), ["old option"]),
        (said(1, "\x1b[35;1mevaluation warning:\x1b[0m old", raw_msg="old"), ["old"]),
        (said(0, "trace: x"), ["trace: x"]),
        (said(1, "warning: unknown setting 'x'"), ["unknown setting 'x'"]),
        (said(1, "warning: two\nlines"), ["two\nlines"]),
        (said(1, "warning: \x1b]52;c;eA==\x07\x1b[2Jred\rx"), ["red\nx"]),
        (said(1, "warning: Git tree '/x' is dirty"), []),
        (said(1, "warning: Git tree '/x' has uncommitted changes"), []),
        (said(1, "warning: SQLite database '/x/eval-cache-v5/y.sqlite' is busy"), []),
        (said(3, "building '/nix/store/x.drv'"), []),
        (said(1, LOCK + OURS), []),
        (line(action="start", level=4, text="evaluating", type=0), []),
        (line(action="msg", level="1", msg="x"), []),
        (line(action="msg"), []),
        ("@nix [1]\n@nix {\n@nix " + "[" * 100000 + "\n", []),
    ],
)
def test_warnings_and_traces(text: str, shown: list[str]) -> None:
    assert list(messages.parse(text).messages) == shown


def test_a_lock_file_that_lacks_an_input_is_told_and_ours_is_not() -> None:
    (text,) = messages.parse(said(1, LOCK + OURS + THEIRS)).messages
    assert "nixpkgs" in text
    assert "access" not in text
    assert "nix flake lock" in text


def test_errors_builds_and_what_others_write_there() -> None:
    found = messages.parse(
        "fatal: no such branch\n"
        + line(action="start", type=105, text="building", fields=["/nix/store/x.drv", "", 1, 1])
        + said(0, "\x1b[31;1merror:\x1b[0m no thing", raw_msg="no thing")
        + "@nix nonsense\n"
    )
    assert found.errors == ("error: no thing",)
    assert found.error == "error: no thing"
    assert found.built == ("/nix/store/x.drv",)
    assert found.other.startswith("fatal: no such branch")
    assert messages.parse("killed\n").error == "killed"


def test_a_long_message_is_cut() -> None:
    (text,) = messages.parse(said(1, "warning: " + "x" * 5000 + "\nx" * 5000)).messages
    assert len(text.splitlines()) == messages.MOST_LINES + 1
    assert len(text) < 400


def test_of_many_messages_some_are_shown_and_the_rest_is_counted() -> None:
    shown = messages.warnings({"web": [f"number {n}" for n in range(1000)]})
    assert len(shown) == messages.MOST + 1
    assert shown[-1] == f"web: {1000 - messages.MOST} more messages of Nix"


def test_messages_are_remembered_by_what_was_evaluated(tmp_path: Path) -> None:
    one, two = "a" * 64, "b" * 64
    folder = tmp_path / "evaluations"
    first = messages.remembered(folder, one, {"web": ["old"], "db": []})
    assert first == {"web": ["old"], "db": []}
    assert messages.remembered(folder, one, {"web": [], "db": []}) == first
    assert messages.remembered(folder, two, {"web": []}) == {"web": []}
    assert len(list(folder.iterdir())) == 1
    assert messages.remembered(folder, one, {"web": ["new"]}) == {"web": ["new"]}
    assert messages.remembered(folder, one, {"web": [], "db": []}) == {"web": ["new"], "db": []}


@pytest.mark.parametrize("fingerprint", ["", "../x", "A" * 64, "a" * 200])
def test_without_a_fingerprint_nothing_is_remembered(tmp_path: Path, fingerprint: str) -> None:
    messages.remembered(tmp_path / "x", fingerprint, {"web": ["old"]})
    assert messages.remembered(tmp_path / "x", fingerprint, {"web": []}) == {"web": []}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"{", b'{"web": 1}', b"\xff", b"[]"])
def test_a_damaged_memory_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / f"{'a' * 64}.json").write_bytes(text)
    assert messages.remembered(tmp_path, "a" * 64, {"web": []}) == {"web": []}


def test_only_the_last_evaluations_are_remembered(tmp_path: Path) -> None:
    for number in range(messages.KEPT + 5):
        messages.remembered(tmp_path, f"{number:064x}", {"web": ["old"]})
    assert len(list(tmp_path.iterdir())) == messages.KEPT


def test_nothing_said_is_nothing() -> None:
    assert messages.parse("") == Said()
