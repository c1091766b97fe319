"""What the models of the settings share: keys as Pulumi writes them, sizes, names, networks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field

from flakeship.model.fields import Cidr, Model, Name, PortNumber

__all__ = ["Cidr", "Model", "Name", "PortNumber", "Size", "refuse_duplicates"]

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
                "must be a size: a number with M, G or T, or a plain number of MiB, such as 2G, "
                f"2048M or 2048, got {json.dumps(value)}"
            )
    return value


def refuse_duplicates(kind: str, values: Iterable[object]) -> None:
    """Refuse a value that is given twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is given more than once")


Size = Annotated[
    int,
    BeforeValidator(mebibytes),
    Field(gt=0, le=64 * 1024 * 1024, json_schema_extra={"unit": "MiB"}),
]
