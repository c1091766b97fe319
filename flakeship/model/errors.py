"""The one exception that reaches a user."""

from __future__ import annotations


class FlakeshipError(Exception):
    """What happened, to which key, host or server, what is allowed, and the next step.

    Its text is shown as it is, without a traceback. Anything else that escapes is a defect.
    """


class SettingError(FlakeshipError):
    """One setting is wrong; its text begins with the key, and the program adds the file."""


class CommandError(FlakeshipError):
    """A command that could not be started, ran too long, or ended with another code than zero.

    `code` is the exit code (None: it never ended by itself), `stderr` what it said last.
    """

    def __init__(self, message: str, code: int | None = None, stderr: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.stderr = stderr
