"""Numbers that YAML 1.1 reads as octal: Pulumi hands 010 over as 8, so only the file tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flakeship.model.errors import SettingError, SettingsError

QUOTED = re.compile(r""""(?:\\.|[^"\\])*"|'(?:[^'])*'""")
OCTAL = re.compile(
    r"""(?:^\s*(?:-\s+)*(?:[^\s#][^#]*?:\s+)?      # a value after its key, or in a list
         |[\[{,]\s*(?:[\w"'.-]+:\s+)?)             # in brackets
        (0[0-7_]*[0-7])(?=\s*(?:$|[,\]}]))""",
    re.VERBOSE,
)
BLOCK = re.compile(r"(?::|-)\s+[|>][-+0-9]*$")
SECTION = re.compile(r"\s+([\w-]+):[\w.-]+:(?:\s|$)")


def refuse_octal(text: str, file: str) -> None:
    """Refuse such numbers in the settings of a stack's `file`. Raises SettingError(s)."""
    problems = []
    for number, key, literal in _octal(text):
        decimal, octal = literal.replace("_", "").lstrip("0") or "0", str(int(literal, 8))
        also = f", or {octal}, which is what YAML reads" if octal != decimal else ""
        problems.append(
            SettingError(
                f"must be a whole number without leading zeros (line {number})",
                key=key,
                given=literal,
                remedy=f'quote it: "{literal}"'
                if key.endswith("mode")
                else f"write {decimal}{also}",
            )
        )
        problems[-1].file = file
    if problems:
        raise problems[0] if len(problems) == 1 else SettingsError(problems)


def _octal(text: str) -> Iterator[tuple[int, str, str]]:
    """(number of the line, key, literal) of each."""
    ours, block, section = False, -1, ""
    for number, line in enumerate(text.splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        if block >= 0 and (indent > block or not line.strip()):
            continue  # the lines of a text
        block = -1
        if (found := SECTION.match(line)) and indent <= 4:
            ours, section = found[1] == "flakeship", line.strip().split(": ")[0].removesuffix(":")
        code = re.sub(r"(^|\s)#.*", "", QUOTED.sub('""', line)).rstrip()
        if BLOCK.search(code):
            block = indent
        for octal in OCTAL.finditer(code) if ours else ():
            keys = re.findall(r"([\w-]+):\s", code[: octal.start(1)])
            key = section if section.endswith(f":{keys[-1]}" if keys else ":") else ""
            yield number, key or ".".join([section, *keys[-1:]]), octal[1]
