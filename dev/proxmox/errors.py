"""A refusal in Proxmox VE's own words."""

from __future__ import annotations

from collections.abc import Mapping


class PveError(Exception):
    """A request that is refused, or a task that fails: the text is what the API says.

    `status` is that of HTTP, and `errors` says what is wrong with which parameter.
    """

    def __init__(
        self, message: str, status: int = 500, errors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = errors


def invalid(errors: Mapping[str, str]) -> PveError:
    """Parameters are wrong."""
    return PveError("Parameter verification failed.", 400, errors)


def denied(what: str = "") -> PveError:
    """A privilege is missing: `what` is `path, privilege`."""
    return PveError(f"Permission check failed ({what})" if what else "Permission check failed", 403)
