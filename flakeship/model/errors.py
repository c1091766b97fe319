"""The errors that reach a user: fields, and the one place that makes a sentence of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass

from flakeship.model.text import EVIDENCE, HIDDEN, LINE, VALUE, cut, lines, one_line

KEY = 160  # characters of a key: it may hold names of the user's
SHOWN = 20  # settings that are wrong at the same time


@dataclass(eq=False, repr=False)
class FlakeshipError(Exception):
    """A failure that a user can act on; it is shown as a message, never as a traceback.

    Its fields may hold what others wrote: in the message `key` and `given` are cut and in one line,
    and nothing obeys a terminal.
    """

    what: str  # is wrong, without a final full stop
    _: KW_ONLY
    code: str = ""  # short and stable, in kebab-case, for tests and scripts; else the class's
    key: str = ""  # the setting, server, machine or image at fault
    given: str = ""  # like `allowed` as a user writes it
    allowed: str = ""
    remedy: str = ""  # the next step, a whole sentence without a final full stop
    details: Sequence[str] = ()  # lines below the sentence

    def __post_init__(self) -> None:
        # for repr() and args: the other fields may hold what must not be shown uncleaned
        super().__init__(self.what)
        self.code = self.code or type(self).code or "failed"
        self.details = tuple(self.details)

    def fields(self) -> dict[str, object]:
        """What makes it again in another process, as plain values."""
        names = ("what", "code", "key", "given", "allowed", "remedy")
        return {**{name: getattr(self, name) for name in names}, "details": [*self.details]}

    @property
    def place(self) -> str:
        """The key as the message has it."""
        return self.key

    @property
    def found_in(self) -> str:
        """The end of the sentence: the file that the key is in, where it is known."""
        return ""

    def __str__(self) -> str:
        """`key: what, got given; allowed: allowed. Remedy`, and the details below.

        Any of it may come from a guest, a server or a flake: it is cleaned and cut here. A long
        `what` leaves room for the rest.
        """
        place = f"{shown(self.place, 2 * KEY)}: " if self.key else ""
        rest = f", got {shown(self.given)}" if self.given else ""
        if self.allowed:
            rest += f"; allowed: {self.allowed}"
        if self.remedy:
            rest += f". {self.remedy[:1].upper()}{self.remedy[1:]}"
        what = one_line(self.what, max(LINE - len(place) - len(rest), EVIDENCE))
        return lines("\n".join([f"{place}{what}{rest}{self.found_in}", *self.details]))


class SettingError(FlakeshipError):
    """One setting is wrong. `file` is the stack's file, where it is known.

    `of` names what the numbers in the key stand for: `server web, port 80`.
    """

    code = "setting-invalid"
    file = ""
    of = ""

    @property
    def place(self) -> str:
        """The key, and what it belongs to."""
        return f"{self.key} ({self.of})" if self.of else self.key

    @property
    def found_in(self) -> str:
        """The stack's file: before the details, which may be commands to copy."""
        return f" ({self.file})" if self.file else ""


class SettingsError(FlakeshipError):
    """Several settings are wrong: `problems` has them, one line each, and shows the first ones."""

    code = "settings-invalid"

    def __init__(self, problems: Sequence[SettingError]) -> None:
        super().__init__(f"{len(problems)} settings are wrong")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        more = len(self.problems) - SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        return "\n".join([*map(str, self.problems[:SHOWN]), *rest])


class RefusedError(FlakeshipError):
    """Several rules refuse the same thing: `problems` has them, and shows one line for each."""

    code = "refused"

    def __init__(self, problems: Sequence[FlakeshipError]) -> None:
        super().__init__(f"{len(problems)} rules are not met")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(eq=False, repr=False)
class CommandError(FlakeshipError):
    """A command could not be started, ran too long, or ended with another exit code than zero."""

    code = "command-failed"
    exit_code: int | None = None  # None: it did not end by itself
    stderr: str = ""


def shown(text: str, most: int = VALUE) -> str:
    """A value in one line: what a terminal would obey is written out, as `\\x1b[2J` is here."""
    seen = (c if c.isprintable() and not HIDDEN.match(c) else _escape(c) for c in text[:most])
    return cut("".join(seen) + text[most:], most)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def did_you_mean(given: str, existing: Iterable[str]) -> str:
    """The remedy for a name that does not exist; empty where no other is close to it."""
    import difflib  # noqa: PLC0415 - internal commands that work have no use for it

    near = difflib.get_close_matches(given, list(existing), 1)
    return f"did you mean {near[0]}?" if near else ""
