"""What Pulumi's provider is told about faults that pass, and which of its errors are such."""

from __future__ import annotations

import re

from flakeship.targets.openstack.api.errors import PASSING, UNTOUCHED, shown

RETRIES = 10
"""Its max_retries: calls without an answer are made again at once, those with 429 when they may be.

A POST whose answer was lost is made twice too. What the first one made carries our tags from the
beginning, or is in what does: sweep finds it. It would be there without a second one as well.
"""

PAUSES = (1, 2, 4, 8, 15)
"""Seconds before further attempts at a resource, as max_retries has neither pauses nor 5xx."""

ANSWERED = re.compile(r"\[(GET|POST|PUT|PATCH|DELETE) (\S+)\], but got (\d{3})")
UNANSWERED = re.compile(
    r"(Get|Post|Put|Patch|Delete) \"[^\"]*\": .*?"
    r"(connection refused|no route to host|network is unreachable|connection reset|EOF|i/o timeout"
    r"|Temporary failure|server misbehaving|broken pipe)",
    re.DOTALL,
)
CONNECTED = {"connection reset", "EOF", "i/o timeout", "broken pipe"}
ASSOCIATION = "openstack:networking/floatingIpAssociate:FloatingIpAssociate"


def reason(error: str) -> str:
    """What went wrong with a call, without what the call sent."""
    if answered := ANSWERED.search(error):
        method, url, status = answered.groups()
        return f"{status} for {shown(method, url)}"
    unanswered = UNANSWERED.search(error)
    return unanswered.group(2) if unanswered else "it failed"


def may_repeat(operation: str, kind: str, error: str) -> bool:
    """Whether a failed `create`, `update` or `delete` of a Pulumi type may be done once more.

    A create only where its POST has certainly done nothing: after one that has, a second would make
    another object, and the state would forget the first.
    """
    if answered := ANSWERED.search(error):
        method, _, status = answered.groups()
        untouched = method == "POST" and int(status) in UNTOUCHED
        passing = int(status) in PASSING
    elif unanswered := UNANSWERED.search(error):
        method, reason = unanswered.groups()
        untouched = method == "Post" and reason not in CONNECTED
        passing = True
    else:
        return False
    # an association is a value of its floating IP, which is set
    return passing and (untouched or operation != "create" or kind == ASSOCIATION)
