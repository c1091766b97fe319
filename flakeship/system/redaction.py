"""URLs without the credentials in them: commands, what they write, and settings may have some."""

from __future__ import annotations

import re

SECRET_PARAMETER = re.compile(
    r"([?&][\w.-]{0,64}(?:token|secret|passw|key|sig|cred)[\w.-]{0,64}=)[^&\s'\"]+", re.IGNORECASE
)
# a URL may have blanks in it where it is all of a text, or in quotes
WORD = re.compile(r"^[\w+.-]+://.*|['\"](?:[\w+.-]+://[^'\"\n]*)?|[^\s'\"]+")
USER = re.compile(r"://(?:[^/:@]*[:@](?!//)|[^/]*$)")
"""Where the user of a URL begins, in a word without its last @ and what follows that."""


def redacted(text: str) -> str:
    """A text without the credentials that a URL in it may hold: of the user, and in its query.

    A password need not be encoded as a URL has it: up to the last @ of a word nothing is shown.
    """
    return SECRET_PARAMETER.sub(r"\1…", WORD.sub(_without_user, text))


def _without_user(found: re.Match[str]) -> str:
    word, last = found[0], found.end() == len(found.string)
    # the end of a text that was cut may be in a password
    before, at, after = (word, "@", "") if last and word.endswith("…") else word.rpartition("@")
    user = USER.search(before) if at else None
    return f"{before[: user.start()]}://…@{after}" if user else word
