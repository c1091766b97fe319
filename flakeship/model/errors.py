"""The errors that reach a user: fields, and the one place that makes a sentence of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass


@dataclass(eq=False, repr=False)
class FlakeshipError(Exception):
    """A failure that a user can act on; it is shown as a message, never as a traceback.

    `what` is wrong, without a final full stop; `key` is the setting, server, machine or image at
    fault; `given` and `allowed` are values as a user writes them; `remedy` is the next step as a
    whole sentence without a final full stop; `details` are lines below the sentence. `code` is a
    short stable name in kebab-case that tests and scripts compare; a subclass may have one of its
    own.
    """

    what: str
    _: KW_ONLY
    code: str = ""
    key: str = ""
    given: str = ""
    allowed: str = ""
    remedy: str = ""
    details: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.code = self.code or type(self).code or "failed"
        self.details = tuple(self.details)

    def __str__(self) -> str:
        """`key: what, got given; allowed: allowed. Remedy`, and the details below."""
        sentence = f"{self.key}: {self.what}" if self.key else self.what
        if self.given:
            sentence += f", got {self.given}"
        if self.allowed:
            sentence += f"; allowed: {self.allowed}"
        if self.remedy:
            sentence += f". {self.remedy[:1].upper()}{self.remedy[1:]}"
        return "\n".join([sentence, *self.details])


class SettingError(FlakeshipError):
    """One setting is wrong. `file` is the stack's file, where it is known."""

    code = "setting-invalid"
    file = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.file})" if self.file else text


class SettingsError(FlakeshipError):
    """Several settings are wrong: `problems` has them, one line each."""

    code = "settings-invalid"

    def __init__(self, problems: Sequence[SettingError]) -> None:
        super().__init__(f"{len(problems)} settings are wrong")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(eq=False, repr=False)
class CommandError(FlakeshipError):
    """A command could not be started, ran too long, or ended with another exit code than zero.

    `exit_code` is None where it did not end by itself; `stderr` is what it wrote last.
    """

    code = "command-failed"
    exit_code: int | None = None
    stderr: str = ""


def did_you_mean(given: str, existing: Iterable[str]) -> str:
    """The remedy for a name that does not exist; empty where no other is close to it."""
    import difflib  # noqa: PLC0415 - internal commands that work have no use for it

    near = difflib.get_close_matches(given, list(existing), 1)
    return f"did you mean {near[0]}?" if near else ""
