"""The base of every model that a user writes, and the fields that settings are made of.

Types are strict: true is no number, and a text is one only in ASCII digits. Each field says what it
must be.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

WHOLE = "must be a whole number"
LONGEST = 4096  # characters of a text in one line: the longest path


def wrong(
    what: str, *, at: str = "", allowed: str = "", remedy: str = "", hide: bool = False
) -> PydanticCustomError:
    """The error of a field or, with `at`, of one of a model's keys. `hide`: its value is secret."""
    context = {"what": what, "at": at, "allowed": allowed, "remedy": remedy, "hide": hide}
    return PydanticCustomError("wrong", "{what}", context)


def number(value: object) -> object:
    """A whole number as JSON or a state has it: 1 may come back as 1.0. A boolean is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(WHOLE)
    return value


def whole(value: object) -> object:
    """A whole number as a user writes it: Pulumi hands some over as text."""
    if not isinstance(value, str):
        return number(value)
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", value):
        return int(value)
    if zeros := re.fullmatch(r"(-?)0+([0-9]{1,18})", value):
        decimal = zeros[1] + zeros[2]
        octal = f", or {int(value, 8)} where it is octal" if not re.search("[89]", value) else ""
        raise wrong(f"{WHOLE} without leading zeros", remedy=f"write {decimal}{octal}")
    raise wrong(WHOLE)


def decimal(value: object) -> object:
    """A number, maybe with a fraction."""
    if isinstance(value, str) and re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?", value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong("must be a number")
    return value


def one_line(value: str) -> str:
    """A text that a terminal can show, and a command line can have."""
    if not value.isprintable():
        raise wrong("must be one line without control characters")
    return value


def unicode(value: str) -> str:
    """A text that can be written: without lone surrogates, which JSON can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong("must be text of Unicode characters") from None
    return value


def script(value: str) -> str:
    """A text of any lines."""
    if "\0" in unicode(value):
        raise wrong("must not have the character NUL")
    return value


def network(value: str) -> str:
    """A network in CIDR notation, IPv4 or IPv6; an address with host bits is refused."""
    try:
        # ipaddress takes the digits of every script
        return str(ipaddress.ip_network(value if value.isascii() else ""))
    except ValueError as error:
        hint = "the host bits must be 0" if "host bits" in str(error) else ""
        allowed = "such as 10.20.0.0/24 or fd00:1::/64"
        raise wrong("must be a network", allowed=allowed, remedy=hint) from None


# Each is the last in Annotated: what stands before it holds for the number that it returns.
Number = BeforeValidator(number)
Whole = BeforeValidator(whole)
Decimal = BeforeValidator(decimal)
Text = Annotated[str, Field(max_length=LONGEST), AfterValidator(one_line)]
Raw = Annotated[str, AfterValidator(unicode)]
Script = Annotated[str, AfterValidator(script)]
Word = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        title="up to 63 letters, digits, dots, dashes and underscores, first a letter or a digit",
    ),
]
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$",
        title="up to 32 lower-case letters, digits and dashes, first a letter, last no dash",
    ),
]
NoWord = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$",
        title="nothing, or up to 63 letters, digits, dots, dashes and underscores, first a letter "
        "or a digit",
    ),
]
PortNumber = Annotated[int, Field(ge=1, le=65535), Whole]
StoredPort = Annotated[int, Field(ge=1, le=65535), Number]
Cidr = Annotated[str, AfterValidator(network)]


class Model(BaseModel):
    """Settings: keys as Pulumi writes them, none is ignored; Python has the fields' own names."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        defer_build=True,  # most commands read no settings
    )

    renamed: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, and the key that each has now."""


def refuse_unused(
    model: Model, given: Sequence[str], kind: str, *, allowed: str = "", remedy: str = ""
) -> None:
    """Refuse fields that such a model does not use; the key is that of the first one."""
    if given:
        first, *more = (type(model).model_fields[name].alias or name for name in given)
        also = f", nor {', '.join(more)}" if more else ""
        raise wrong(f"is not used for {kind}{also}", at=first, allowed=allowed, remedy=remedy)
