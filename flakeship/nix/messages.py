"""What Nix says while it evaluates: warnings and traces, errors, and what it builds meanwhile.

Nix says each of them once: not again when an evaluation comes from its cache. So they are kept by
the fingerprint of the locked flake, which is what the cache goes by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import EVIDENCE, cut, lines
from flakeship.system.files import read, write

JSON = "@nix "  # what a line of --log-format internal-json begins with
WARNING = 1  # Nix' level; traces are at that of errors, 0
BUILD = 105  # Nix' type of an activity
MOST = 20  # messages of a host that are shown
MOST_LINES = 10  # of one message
KEPT = 20  # evaluations that messages are kept of
FINGERPRINT = re.compile(r"[0-9a-f]{16,128}")
LOCK = "not writing modified lock file"
OWN_INPUT = re.compile(r"\w+ input 'access(/[^']*)?'")
OURS = re.compile(
    r"Git tree .* (is dirty|has uncommitted changes)"  # flakeship.nix.source tells of it
    r"|SQLite database .* is busy"  # hosts that are evaluated side by side wait for each other
)


@dataclass(frozen=True)
class Said:
    """The standard error of one command in Nix' internal-json."""

    messages: tuple[str, ...] = ()  # warnings and traces, without what our own arguments cause
    errors: tuple[str, ...] = ()
    built: tuple[str, ...] = ()  # derivations
    other: str = ""  # what is no line of Nix: git and ssh write there too

    @property
    def error(self) -> str:
        """Why the command failed."""
        return "\n".join(self.errors) or self.other


def parse(stderr: str) -> Said:
    """Reads nothing into a line that is not as expected."""
    messages: list[str] = []
    errors, built, other = [], [], []
    for line in stderr.splitlines():
        found = event(line)
        text = lines(str(found.get("msg") or ""))
        match found:
            case {"action": "msg", "raw_msg": str(), "level": 0}:
                errors.append(text)
            case {"action": "msg", "level": int(level)} if level <= WARNING:
                messages.extend(_relevant(text))
            case {"action": "start", "type": int(kind), "fields": [str(drv), *_]} if kind == BUILD:
                built.append(lines(drv))
            case _ if not found:
                other.append(line)
            case _:
                pass
    rest = lines("\n".join(other)).strip()
    return Said(tuple(messages), tuple(errors), tuple(built), rest)


def remembered(
    folder: Path, fingerprint: str, said: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """The messages by attribute: what was said now, else what was when it was evaluated.

    They are kept in `folder`, of the last few evaluations.
    """
    if not FINGERPRINT.fullmatch(fingerprint):
        return dict(said)
    file = folder / f"{fingerprint}.json"
    kept = _kept(file)
    known = kept | {name: each for name, each in said.items() if each}
    if known != kept:
        write(file, json.dumps(known))
        others = sorted(folder.glob("*.json"), key=lambda each: each.stat().st_mtime_ns)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)
    return {name: known.get(name, []) for name in said}


def warnings(said: Mapping[str, Sequence[str]]) -> list[str]:
    """One text for each message, which names all that said it."""
    of: dict[str, list[str]] = {}
    for name, messages in said.items():
        for message in list(dict.fromkeys(messages))[:MOST]:
            of.setdefault(message, []).append(name)
        if (more := len(set(messages)) - MOST) > 0:
            of[f"{more} more messages of Nix"] = [name]
    return [f"{', '.join(names)}: {message}" for message, names in of.items()]


def event(line: str) -> dict[str, object]:
    """What a line of Nix' internal-json says; empty for any other line."""
    if not line.startswith(JSON):
        return {}
    try:
        found = json.loads(line.removeprefix(JSON))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _relevant(text: str) -> Iterable[str]:
    """The message as it is shown; none for what is told by us, or is our own doing."""
    text = text.strip().removeprefix("trace: evaluation ").removeprefix("evaluation ")
    text = text.removeprefix("warning:").strip()
    if OURS.match(text):
        return
    if text.startswith(LOCK):
        head, *changes = re.split(r"^• ", text, flags=re.MULTILINE)
        changes = [each for each in changes if not OWN_INPUT.match(each)]
        if not changes:
            return
        advice = "`nix flake lock` writes them; until then each run takes what is newest"
        text = f"{head}" + "".join(f"• {each.rstrip()}\n" for each in changes) + advice
    shown = [cut(each, EVIDENCE) for each in text.splitlines()]
    yield "\n".join([*shown[:MOST_LINES], *(["…"] if len(shown) > MOST_LINES else [])])


def _kept(file: Path) -> dict[str, Sequence[str]]:
    try:
        return dict(TypeAdapter(dict[str, list[str]]).validate_json(read(file)))
    except (FlakeshipError, ValidationError):  # it is only a memory
        return {}
