"""What a property of a resource can carry: Pulumi's numbers are doubles, and its texts Unicode."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError

LIMIT = 2**53
"""From here on a double is not the same for every whole number."""


def refuse_inexact(value: object, path: str = "") -> None:
    """Refuse a number or a text that Pulumi would change on its way, or fail at.

    Raises FlakeshipError (property-inexact) with the place in the value, which is at `path`.
    """
    match value:
        case dict():
            for key, each in value.items():
                refuse_inexact(key, path)
                refuse_inexact(each, below(path, str(key)))
        case list() | tuple():
            for number, each in enumerate(value):
                refuse_inexact(each, f"{path}[{number}]")
        case int() | float() if not abs(value) < LIMIT:  # NaN is not below anything
            raise FlakeshipError(
                "the number cannot be kept exactly",
                code="property-inexact",
                key=path,
                given=str(value),
                allowed=f"numbers between -{LIMIT - 1} and {LIMIT - 1}",
            )
        case str() if not _is_unicode(value):
            raise FlakeshipError(
                "the text has half a character, a surrogate without the other one",
                code="property-inexact",
                key=path,
                given=value,
                allowed="whole characters of Unicode",
            )


def below(path: str, key: str) -> str:
    """The place of a key, in Pulumi's notation: `ports[0].port`, `tags["a.b"]`."""
    if key.replace("_", "").replace("-", "").isalnum():
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", r"\\").replace('"', r"\"")
    return f'{path}["{quoted}"]'


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
