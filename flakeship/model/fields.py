"""The base of every model that a user writes, and the fields that ports and checks are made of."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


def network(value: str) -> str:
    """A network in CIDR notation, IPv4 or IPv6; an address with host bits is refused."""
    return str(ipaddress.ip_network(value))


Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$",
        title="up to 32 lower-case letters, digits and dashes, first a letter",
    ),
]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[str, AfterValidator(network)]


class Model(BaseModel):
    """Settings: keys as Pulumi writes them, none is ignored; Python has the fields' own names."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        defer_build=True,  # most commands read no settings
    )

    renamed: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, and the key that each has now."""
