"""What a person sees, and what the debug log shows of commands."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from flakeship.model.errors import CommandError
from flakeship.model.text import LINE
from flakeship.system import log
from flakeship.system.process import run

LOG = logging.getLogger("flakeship.tests")


@pytest.fixture(autouse=True)
def _logger() -> Iterator[None]:
    logger = logging.getLogger("flakeship")
    level = logger.level
    yield
    logger.handlers = []
    logger.setLevel(level)


def test_progress_is_a_plain_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.configure()
    LOG.info("web: booting")
    run(["true"])
    assert capsys.readouterr() == ("", "web: booting\n")


def test_the_debug_log_shows_commands_with_their_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAKESHIP_LOG", "debug")
    log.configure()
    run(["sh", "-c", "cat; exit 3"], stdin="hunter2", env={"KEY": "hunter3"}, check=False)
    with pytest.raises(CommandError):
        run(["sleep", "9"], timeout=0.01)
    with pytest.raises(CommandError):
        run(["no-such-command"])
    shown = capsys.readouterr().err
    assert "flakeship.system.process: sh -c 'cat; exit 3': exit code 3 after 0." in shown
    assert "sleep 9: timed out after 0.0" in shown
    assert "no-such-command: not found" in shown
    assert "hunter" not in shown


def test_the_debug_log_hides_what_a_url_holds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "flakeship")
    urls = ["git+https://me:hunter2@example.org/flake", "https://hunter3@example.org/"]
    token = "tarball+https://example.org/a?access_token=hunter4&dir=sub"
    run(["true", *urls, token])
    assert "git+https://…@example.org/flake https://…@example.org/" in caplog.text
    assert "access_token=…&dir=sub" in caplog.text
    assert "hunter" not in caplog.text
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", 'echo "cannot fetch $0" >&2; exit 1', token])
    assert "cannot fetch tarball+https://example.org/a?access_token=…" in str(failed.value)
    assert "hunter" not in str(failed.value)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["web: ", "\x1b]52;c;eA==\x07", "up\n"], "web: up\n"),
        (["✗ broken\r✓ passed\n"], "✗ broken\n✓ passed\n"),
        (["x" * 100_000] * 3, "x" * (LINE - 1) + "…"),
        (["x" * 100_000, "\ny\n"], "x" * (LINE - 1) + "…\ny\n"),
        (["a\ud800b\n"], "ab\n"),
        (["no end"], "no end"),
    ],
    ids=["controls", "repainted", "long", "long, and more", "surrogate", "no end"],
)
def test_all_of_standard_error_is_cleaned_and_cut(
    written: list[str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.TextIOWrapper(io.BytesIO(), "utf-8"))
    with log.cleaned(stdout=False):
        for text in written:
            sys.stderr.write(text)
    stream.seek(0)
    assert stream.read() == shown


def test_an_answer_for_programs_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for stdout in (False, True):
        with log.cleaned(stdout=stdout):
            print("\u202e" + "x" * 5000)
            print("\u202e" + "x" * 5000, file=sys.stderr)
    out, err = capsys.readouterr()
    assert out == f"\u202e{'x' * 5000}\n{'x' * 5000}\n"
    assert err == f"{'x' * (LINE - 1)}…\n" * 2
