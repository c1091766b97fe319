"""Which errors of Pulumi's provider pass, and after which a resource may be made once more."""

from __future__ import annotations

import pytest

from flakeship.targets.openstack.api.provider import ASSOCIATION, PAUSES, may_repeat

PORT = "openstack:networking/port:Port"


def answered(method: str, status: int) -> str:
    """As the provider words an answer (recorded with terraform-provider-openstack 3.4.0)."""
    return (
        "1 error occurred:\n\t* Error creating openstack_networking_network_v2: Expected HTTP "
        f"response code [201 202] when accessing [{method} http://198.51.100.1:9696/v2.0/networks],"
        f' but got {status} instead: {{"error": {{"message": "injected"}}}}\n\n'
    )


def unanswered(method: str, reason: str) -> str:
    return (
        f'1 error occurred:\n\t* Error creating: {method} "http://198.51.100.1:9696/v2.0/ports": '
        f"OpenStack connection error, retries exhausted. Aborting. Last error was: {reason}\n\n"
    )


REFUSED = "dial tcp 198.51.100.1:9696: connect: connection refused"


@pytest.mark.parametrize(
    ("operation", "kind", "error", "again"),
    [
        ("create", PORT, answered("POST", 503), True),
        ("create", PORT, answered("POST", 429), True),
        ("create", PORT, answered("POST", 500), False),
        ("create", PORT, answered("POST", 502), False),
        ("create", PORT, answered("POST", 504), False),
        ("create", PORT, answered("POST", 409), False),
        # the object is there: another create would make a second one, and forget the first
        ("create", PORT, answered("GET", 503), False),
        ("create", PORT, answered("PUT", 503), False),
        ("create", ASSOCIATION, answered("PUT", 503), True),
        ("create", ASSOCIATION, answered("GET", 504), True),
        ("create", ASSOCIATION, answered("PUT", 409), False),
        ("update", PORT, answered("PUT", 502), True),
        ("update", PORT, answered("GET", 500), True),
        ("update", PORT, answered("PUT", 400), False),
        ("delete", PORT, answered("DELETE", 503), True),
        ("delete", PORT, answered("DELETE", 409), False),
        ("create", PORT, unanswered("Post", REFUSED), True),
        ("create", PORT, unanswered("Post", "EOF"), False),
        ("create", PORT, unanswered("Post", "read tcp: connection reset by peer"), False),
        ("create", PORT, unanswered("Get", REFUSED), False),
        ("delete", PORT, unanswered("Delete", "EOF"), True),
        ("update", PORT, unanswered("Put", REFUSED), True),
        ("create", PORT, "No valid host was found", False),
        ("create", PORT, "quota 503 exceeded", False),
        ("delete", PORT, "", False),
    ],
)
def test_what_may_be_done_once_more(operation: str, kind: str, error: str, *, again: bool) -> None:
    assert may_repeat(operation, kind, error) == again


def test_it_ends_after_half_a_minute() -> None:
    assert 25 <= sum(PAUSES) <= 35
