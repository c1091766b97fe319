"""What a person reads of a verification that failed: what happened, the console, the next step."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.verify.console import tail
from flakeship.verify.context import VerificationContext
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route, login_lines


def failure_report(
    error: FlakeshipError,
    request: VerifyRequest,
    context: VerificationContext,
    route: Route,
    keys: Sequence[str],
) -> FlakeshipError:
    """The error with the console's end, what the failure means, and how to inspect the machine."""
    name, lines = context.console.name, tail(context.console)
    end = [f"The end of the console ({name}):", *(f"  | {line}" for line in lines)]
    return FlakeshipError(
        error.what,
        code=error.code,
        key=error.key or request.machine,
        given=error.given,
        allowed=error.allowed,
        remedy=error.remedy,
        details=[
            *error.details,
            *(end if lines else [f"The console ({name}) is empty."]),
            f"{context.on_failure} To inspect this machine:",
            *context.inspect_hint(login_lines(request, route, keys)),
        ],
    )
