"""What a verification has seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """The evidence of one check."""

    name: str
    passed: bool
    milliseconds: int
    detail: str


@dataclass(frozen=True)
class Evidence:
    """A verification that has passed: the host keys it pinned, what it saw, and when (`at`)."""

    machine: str
    boot: int
    host_keys: list[str]
    seconds_to_ssh: float
    checks: list[CheckResult]
    at: str = ""
