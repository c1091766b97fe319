"""What a release must have behind it before a stack takes it from another: `flakeship:gate`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from flakeship.config.text import hidden_line
from flakeship.model.fields import Model, Name, wrong

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 366 * UNITS["d"]

AS_TEXT = WithJsonSchema(
    {"type": "string", "title": "0, or a number with s, m, h or d, at most 366d"}
)
Revision = Literal["any", "clean", "pushed"]


def _duration(value: object) -> object:
    # without a unit there is nothing to be taken for minutes but 0
    text = str(value) if type(value) in {str, int} else ""
    found = re.fullmatch(r"0s?|([1-9][0-9]{0,7})([smhd])", text)
    seconds = int(found[1] or 0) * UNITS[found[2] or "s"] if found else -1
    if not 0 <= seconds <= LONGEST:
        raise wrong("must be a time of at most 366 days", allowed="such as 30m, 24h or 7d")
    return seconds


class Gate(Model):
    """The rules of a promotion. Each that is not met refuses the release."""

    soak: Annotated[int, BeforeValidator(_duration), AS_TEXT] = 0
    """How long ago the stack before must have verified the release: `30m`, `24h`, `7d`."""
    checks: list[Name] = []
    """Checks by name that must be among those which passed there."""
    revision: Revision = "any"
    """The git revision that it was made of: `clean` without uncommitted changes, `pushed` also on a
    remote's branch, as this checkout knows them."""
    approvers: list[Annotated[str, AfterValidator(hidden_line)]] = []
    """The public keys of those of whom one must have approved it for this stack (`flakeship
    approve`): each a key, or a file of keys."""
    signers: list[Annotated[str, AfterValidator(hidden_line)]] = []
    """The public keys of those of whom one must have signed its provenance there (`flakeship
    sign`), likewise. What was changed in that stack's record since then is refused."""
