"""What a verification that has failed tells: what happened, the console's end, the next step."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.ssh import host_keys
from flakeship.verify import console
from flakeship.verify.context import VerificationContext


def key_mismatch(
    machine: str, pinned: Sequence[str], announced: Sequence[str], shown: str = ""
) -> str:
    """Why a key is refused that is not the pinned one."""
    lines = [
        f"{machine}: its SSH host key has changed: refused",
        *(f"  pinned:    {host_keys.fingerprint(key)}" for key in pinned),
        *(f"  announced: {host_keys.fingerprint(key)}" for key in announced),
        *([f"  server:    {shown}"] if shown else []),
        "A machine keeps its keys for its life: its disk was replaced, or something else answers "
        "in its place.",
        "A changed key is never learned again. If the change is yours, make the machine anew: "
        f"pulumi up --replace '**-{machine}'",
    ]
    return "\n".join(lines)


def failure_report(context: VerificationContext, login: list[str], headline: list[str]) -> str:
    """What happened, what the console said last, and the next step; `login` says how to log in."""
    said = console.tail(context.console)
    end = [f"The end of the console ({context.console.name}):", *(f"  | {line}" for line in said)]
    return "\n".join(
        [
            *headline,
            *(end if said else [f"The console ({context.console.name}) is empty."]),
            f"{context.on_failure} To look at this machine:",
            *context.inspect_hint(login),
        ]
    )
