"""What the models of the settings share: keys as Pulumi writes them, sizes, names, networks."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

UNITS = {"M": 1, "MiB": 1, "G": 1024, "GiB": 1024, "T": 1024 * 1024, "TiB": 1024 * 1024}


def mebibytes(value: object) -> object:
    """`2G`, `512M` and plain numbers of MiB mean a size; another text is refused."""
    if isinstance(value, str):
        for unit, factor in UNITS.items():
            number = value.removesuffix(unit).strip()
            if number != value and number.isdecimal():
                return int(number) * factor
        if not re.fullmatch(r"-?\d+", value.strip()):
            raise ValueError(
                f"{json.dumps(value)} is given; a size is a number with M, G or T, or a plain one "
                "of MiB, as 2G, 2048M or 2048"
            )
    return value


def once(kind: str, values: Iterable[object]) -> None:
    """Refuse a value that is given twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is given more than once")


def network(value: str) -> str:
    """A network in CIDR notation, IPv4 or IPv6; an address with host bits is refused."""
    return str(ipaddress.ip_network(value))


Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
Size = Annotated[int, BeforeValidator(mebibytes), Field(gt=0, le=64 * 1024 * 1024)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[str, AfterValidator(network)]


class Model(BaseModel):
    """Keys are written as Pulumi writes them, and none is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)
