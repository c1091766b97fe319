"""What others say is cleaned and cut wherever it is shown."""

from __future__ import annotations

import time
import unicodedata

import pytest

from flakeship.model import codec
from flakeship.model.errors import KEY, FlakeshipError, shown
from flakeship.model.evidence import CheckResult, table
from flakeship.model.text import EVIDENCE, LINE, VALUE, clean, last_lines, marked, one_line

HOSTILE = {
    "title (OSC 0)": ("a\x1b]0;pwned\x07b", "ab"),
    "clipboard (OSC 52)": ("a\x1b]52;c;cm0gLXJmIC8=\x1b\\b", "ab"),
    "link (OSC 8)": ("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
    "an OSC without end": ("a\x1b]0;b", "a0;b"),
    "cleared screen (CSI 2J)": ("a\x1b[2Jb\x1b[1;1H", "ab"),
    "colours": ("\x1b[1;38;5;1mred\x1b[0m", "red"),
    "CSI as one C1 control": ("a\x9b2Jb", "ab"),
    "OSC as one C1 control": ("a\x9d52;c;eA==\x9cb", "ab"),
    "DCS, APC, PM, SOS": ("a\x1bPq#0\x1b\\\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\b", "ab"),
    "reset (RIS)": ("a\x1bcb", "ab"),
    "another character set": ("a\x1b(0b", "ab"),
    "a sequence inside one": ("a\x1b\x1b[2J[2Jb", "a[2Jb"),
    "a line that is repainted": ("✗ broken\r✓ passed", "✗ broken ✓ passed"),
    "further lines": ("one\n  ✓ sudo\x0bx\x0cy\x85z\u2028w\u2029v", "one ✓ sudo x y z w v"),
    "backspace and bell": ("ab\x08\x08\x07c", "abc"),
    "NUL and DEL": ("a\0\x7fb", "ab"),
    "bidi": ("a\u202egnp.exe\u202c\u2066b\u2069\u200f\u061cc", "agnp.exebc"),
    "no width": ("a\u200b\u200d\ufeff\u2060\u00adb\ufe0f", "ab"),
    "tags": ("a\U000e0041\U000e007fb", "ab"),
    "surrogates": ("a\ud800\udfffb", "ab"),
    "padding": ("a" + " " * 500 + "\u3000\u00a0b", "a b"),
    "text": ("Größe 100 % 日本語 🚀", "Größe 100 % 日本語 🚀"),
}


@pytest.mark.parametrize(("given", "expected"), HOSTILE.values(), ids=list(HOSTILE))
def test_evidence_and_errors_are_one_clean_line(given: str, expected: str) -> None:
    assert one_line(given) == expected
    assert CheckResult("x", passed=False, milliseconds=1, detail=given).detail == expected
    error = FlakeshipError(given, key=given, given=given, remedy="look", details=["two", given])
    # these two are written out: an invisible character may be what is wrong
    key, value = shown(given, 2 * KEY), shown(given)
    assert str(error).startswith(f"{key}: {expected}, got {value}. Look\ntwo\n")
    assert unsafe(str(error)) == []


def test_every_character_is_safe_afterwards() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert unsafe(clean(everything)) == []
    assert unsafe(marked(everything)) == []
    clean(everything).encode()


def unsafe(text: str) -> list[str]:
    """What a terminal may obey, or what has no encoding."""
    hidden = ("Cc", "Cs", "Zl", "Zp")
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return [
        each
        for each in text
        if each not in "\n\t"
        and (unicodedata.category(each) in hidden or unicodedata.bidirectional(each) in bidi)
    ]


@pytest.mark.parametrize(
    "part", ["\x1b", "\x1b]", "\x1b[", "\x1b[0", "\x1b ", "\x9d", "\x90a", "\r", "é\u202e", "x"]
)
def test_the_time_is_bounded(part: str) -> None:
    started = time.process_time()
    clean((part * (1 << 20))[: 1 << 20])
    assert time.process_time() - started < 5


def test_values_and_evidence_are_cut() -> None:
    long = "x" * 5000
    assert one_line(long) == "x" * (EVIDENCE - 1) + "…"
    error = FlakeshipError(long, given=long, details=[long * 20])
    assert f", got {'x' * (VALUE - 1)}…" in FlakeshipError("a", given=long).__str__() + "\n"
    assert max(map(len, str(error).splitlines())) <= LINE
    assert last_lines(f"a\n\n{long}\n  \n", 3) == ["a", "x" * (EVIDENCE - 1) + "…"]


def test_evidence_of_an_earlier_version_is_cleaned_as_well() -> None:
    known = codec.parse(
        CheckResult, '{"name":"x","passed":true,"milliseconds":1,"detail":"a\\u001b[2J"}'
    )
    assert table([known]) == ["  ✓ x    0.00 s  a"]
