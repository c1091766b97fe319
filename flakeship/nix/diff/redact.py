"""Redacts what looks like a secret from texts that are shown or logged.

No secret belongs in a configuration; this is a safety net for one that is there nevertheless.
"""

from __future__ import annotations

import hashlib
import re

NAMES = (
    r"(?:passw|passphrase|secret|token|credential|authorization|(?<![a-z])(?:pass|pwd|pw|psk)\b"
    r"|bind_?pw|root_?pw|requirepass|masterauth"
    r"|(?:api|access|private|(?:pre-?)?shared|encryption|signing)key|(?<!public)[_-]key\b)"
)
"""Names of secrets."""

# Every repetition is bounded: a flake may be anybody's, and no text of it may take long.
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


def redact(text: str) -> str:
    """A text without the values in it that look like secrets."""
    return SECRET.sub(r"\1\2…", text)


def fold_keys(text: str) -> str:
    """A text with every PEM block as one line, which has a fingerprint in place of the key."""

    def line(match: re.Match[str]) -> str:
        digest = hashlib.sha256(match[0].encode()).hexdigest()
        return f"-----BEGIN {match[1]}----- … {digest[:8]}"

    return PEM.sub(line, text)
