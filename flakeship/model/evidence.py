"""What a verification has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.text import one_line


@dataclass(frozen=True)
class CheckResult:
    """The evidence of one check."""

    name: str
    passed: bool
    milliseconds: int
    detail: str  # a guest's or a server's words: cleaned, and cut

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", one_line(self.detail))


@dataclass(frozen=True)
class Evidence:
    """A verification that has passed: the host keys it pinned, what it saw, and when (`at`)."""

    machine: str
    boot: int
    host_keys: list[str]
    seconds_to_ssh: float
    checks: list[CheckResult]
    at: str = ""

    @property
    def check_seconds(self) -> float:
        """The times of all checks together; they took less, because many ran at once."""
        return sum(check.milliseconds for check in self.checks) / 1000


def table(checks: Sequence[CheckResult]) -> list[str]:
    """A line for each check: its name, its time in seconds, and what was seen."""
    width = max((len(check.name) for check in checks), default=0)
    return [
        f"  {'✓' if check.passed else '✗'} {check.name:{width}}"
        f"  {check.milliseconds / 1000:6.2f} s  {check.detail}".rstrip()
        for check in checks
    ]
