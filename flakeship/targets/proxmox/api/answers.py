"""What Proxmox VE answers, read as JSON of the shape that is expected: anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ValidationError

from flakeship.model import codec
from flakeship.model.errors import shown
from flakeship.targets.proxmox.api.errors import unreadable
from flakeship.targets.proxmox.api.login import Login

T = TypeVar("T")


def _flag(value: object) -> object:
    """Perl's truth: 1 and 0, as numbers or texts, or nothing for false."""
    return False if value in (None, "") else value


def _text(value: object) -> object:
    """A text, which Perl may write as a number, or as nothing; without what no text has."""
    if isinstance(value, str):
        # JSON can hold lone surrogates, and no encoding has them
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "" if value is None else value


def _number(value: object) -> object:
    """A number, which Perl may write as a text or with a fraction."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
Number = Annotated[int, BeforeValidator(_number)]
Words = Annotated[str, BeforeValidator(_text)]


def data(text: bytes, call: str, login: Login) -> object:
    """What is below `data` in an answer. Raises ApiError (answer-unreadable)."""
    found = _object(text)
    if found is None or "data" not in found:
        raise unreadable(call, "no JSON object with data", login)
    return found["data"]


def said(text: bytes, reason: str) -> str:
    """Proxmox VE's words in an answer that refuses: its message, and what of which parameter.

    The reason of the status line is the same message where there is no body, as for a wrong token.
    """
    found = _object(text) or {}
    message, errors = found.get("message"), found.get("errors")
    parts = [message.strip() if isinstance(message, str) and message.strip() else reason]
    if isinstance(errors, Mapping):
        parts += [f"{name}: {str(why).strip()}" for name, why in errors.items()]
    return " ".join(parts)


def read(kind: type[T], found: object, call: str, login: Login) -> T:
    """A value of a type. Raises ApiError (answer-unreadable) for another shape."""
    try:
        made: T = codec.ADAPTER(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "data"
        raise unreadable(call, f"{place}: {first['msg']}, got {_short(first)}", login) from error
    return made


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _short(error: Any) -> str:  # noqa: ANN401
    return shown(json.dumps(error["input"], default=str))
