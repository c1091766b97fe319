"""Text of others as it may be shown: what a guest, a server or a flake says is data.

Everything that is printed goes through here: evidence, progress, the log and errors. A terminal
obeys what it is sent: titles, the clipboard (OSC 52), a cleared screen, a line that is repainted.
"""

from __future__ import annotations

import re

EVIDENCE = 300  # characters of an answer
VALUE = 80  # characters of a value in an error
LINE = 2000  # characters of any line: a login with its host keys is a long one
# Pulumi's published command plugin stops reading, for good, at a line of 64 KiB: LINE is far below

# the sequences of ECMA-48 with what they contain: OSC, DCS, SOS, PM, APC; CSI; and those of two
# characters. They begin with ESC, or are one of the C1 controls.
ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x00-\x08\n\x0e-\x1f\x7f-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|\x1b[ -/]*+[0-~]"
)
# what has no shape of its own, or gives others a new order (bidi): controls, formats, surrogates,
# which no encoding has, and tags
HIDDEN = re.compile(
    r"[^\n\t\x20-\x7e\xa0-\U0010ffff]|[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
BREAKS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text without what only controls a terminal; every line break is a newline."""
    return HIDDEN.sub("", BREAKS.sub("\n", ESCAPES.sub("", text)))


def marked(text: str) -> str:
    """The text with a mark in the place of each character that a terminal may obey: for a diff."""
    return HIDDEN.sub("\ufffd", text)


def one_line(text: str, most: int = EVIDENCE) -> str:
    """The text cleaned, in one line of at most `most` characters."""
    return cut(" ".join(clean(text).split()), most)


def lines(text: str, most: int = LINE) -> str:
    """The text cleaned, with each of its lines cut."""
    return "\n".join(cut(each, most) for each in clean(text).split("\n"))


def rows(text: str) -> list[str]:
    """The lines of a command's output; what else Python takes for a line break is part of one."""
    return text.removesuffix("\n").split("\n") if text else []


def cut(text: str, most: int) -> str:
    """At most `most` characters; an ellipsis is the last one where some are missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def last_lines(text: str, count: int) -> list[str]:
    """The last lines that are not blank, each cut as evidence is."""
    return [cut(each.rstrip(), EVIDENCE) for each in text.splitlines() if each.strip()][-count:]
