"""A command that is talked with: its lines, its end, and what it must not do to us."""

from __future__ import annotations

import pytest

from flakeship.model.errors import CommandError
from flakeship.system.dialogue import LONGEST, dialogue


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_lines_go_both_ways() -> None:
    with dialogue(sh('echo ready; read -r word; echo "$word"; echo last'), "it") as talk:
        assert talk.hear(30) == "ready"
        talk.say("go")
        assert [talk.hear(30), talk.hear(30)] == ["go", "last"]
        talk.finish(30)


def test_its_end_has_its_code_and_its_words() -> None:
    with dialogue(sh("echo why >&2; exit 3"), "it") as talk:
        with pytest.raises(CommandError) as caught:
            talk.hear(30)
        assert (caught.value.exit_code, caught.value.stderr) == (3, "why\n")
        with pytest.raises(CommandError):
            talk.finish(30)
        talk.say("nobody hears it")


def test_a_line_without_an_end_is_none() -> None:
    with dialogue(sh("printf ready"), "it") as talk, pytest.raises(CommandError):
        talk.hear(30)


@pytest.mark.parametrize("closed", ["", "exec >&-; "])
def test_silence_is_not_waited_for(closed: str) -> None:
    with dialogue(sh(f"{closed}sleep 600"), "it") as talk:
        with pytest.raises(CommandError) as caught:
            talk.hear(0.1)
        assert caught.value.code == "command-timeout"
        with pytest.raises(CommandError) as caught:
            talk.finish(0.1)
        assert caught.value.code == "command-timeout"


def test_memory_is_bounded() -> None:
    script = f"head -c {LONGEST * 100} /dev/zero"
    with dialogue(sh(script), "it") as talk, pytest.raises(CommandError) as caught:
        talk.hear(30)
    assert caught.value.code == "output-too-long"
