"""What looks like a secret is not repeated in a log.

It should not be in a configuration at all. This is a net for what is there all the same.
"""

from __future__ import annotations

import hashlib
import re

NAMES = (
    r"(?:passw|passphrase|secret|token|credential|authorization|(?<![a-z])(?:pass|pwd|pw|psk)\b"
    r"|bind_?pw|root_?pw|requirepass|masterauth"
    r"|(?:api|access|private|(?:pre-?)?shared|encryption|signing)key|(?<!public)[_-]key\b)"
)
"""What names something as a secret."""

# Bounded, for a flake may be anybody's: no text in it is to take long.
SECRET = re.compile(
    rf"""(?xi)
    (?: # a name and its value, an option, a directive: up to the end of the line
        ( {NAMES} [\w"'.-]{{0,40}} [ \t]{{0,9}} (?: [=:>] [ \t]* | [ \t] (?=["']) )
        | -- [\w-]{{0,40}} {NAMES} [\w-]{{0,40}} [ \t]+
        | \b (?:bearer|bindpw|rootpw|requirepass|masterauth) [ \t]+
        ) (?! [ \t]* (?:null|true|false)\b ) .+
    # a URL's password
    | (:// [^\s/@:]* :) [^\s/@]+ (?=@)
    # the hash of a password, a key of age
    | \$ (?:y|gy|7|\d[a-z]?) \$ \S+
    | AGE-SECRET-KEY-\w+
    )"""
)

PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(?:[^-]|-(?!----))*-----END \1-----")


def masked(text: str) -> str:
    """A text for people, without the values in it that look like secrets."""
    return SECRET.sub(r"\1\2…", text)


def folded(text: str) -> str:
    """A text to be compared, with every PEM block in one line that only tells it from others."""

    def told(match: re.Match[str]) -> str:
        digest = hashlib.sha256(match[0].encode()).hexdigest()
        return f"-----BEGIN {match[1]}----- … {digest[:8]}"

    return PEM.sub(told, text)
