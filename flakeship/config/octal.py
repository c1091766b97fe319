"""Numbers that YAML 1.1 reads as octal: Pulumi hands 010 over as 8, so only the file tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flakeship.config.errors import NAMESPACE
from flakeship.model.errors import SettingError, SettingsError

OCTAL = re.compile(r"[-+]?0[0-7_]*[0-7]")


def refuse_octal(text: str, file: str) -> None:
    """Refuse such numbers in the settings of a stack's `file`. Raises SettingError(s)."""
    if not OCTAL.search(text):
        return
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - for a file with such digits

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        root = None  # Pulumi, which has read it, is more tolerant
    problems = [
        _problem(where.removeprefix("config."), node.value, node.start_mark.line + 1, file)
        for where, node in _scalars(root, "", set())
        if where.startswith(f"config.{NAMESPACE}")
        and node.tag == "tag:yaml.org,2002:int"
        and OCTAL.fullmatch(node.value)
    ]
    if problems:
        raise problems[0] if len(problems) == 1 else SettingsError(problems)


def _scalars(node: Any, where: str, seen: set[int]) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The place and the node of each value; what an alias repeats comes once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "mapping":
        for key, value in node.value:
            yield from _scalars(value, f"{where}.{key.value}".lstrip("."), seen)
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            yield from _scalars(value, f"{where}[{number}]", seen)
    else:
        yield where, node


def _problem(key: str, literal: str, line: int, file: str) -> SettingError:
    decimal, octal = literal.replace("_", "").lstrip("0") or "0", str(int(literal, 8))
    also = f", or {octal}, which is what YAML reads" if octal != decimal else ""
    error = SettingError(
        f"must be a whole number without leading zeros (line {line})",
        key=key,
        given=literal,
        remedy=f'quote it: "{literal}"' if key.endswith(".mode") else f"write {decimal}{also}",
    )
    error.file = file
    return error
