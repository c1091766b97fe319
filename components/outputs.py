"""What the last good run of this stack left in its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True)
class Previous:
    """The outputs by name, None where there is none yet, and which of them are secret."""

    values: Mapping[str, Any]
    secret: frozenset[str]

    def kept(self, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The same outputs again, with what is `known` by now of single entries of theirs."""
        merged = {
            name: {**value, **known[name]} if name in known and value else value
            for name, value in self.values.items()
        }
        return {
            name: pulumi.Output.secret(value) if name in self.secret else value
            for name, value in merged.items()
        }


async def previous_outputs(*names: str) -> Previous:
    """The named outputs of this very stack before this run.

    A failed run leaves outputs as they were where they come through the verification
    (docs/decisions/0005).
    """
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    reference = pulumi.StackReference("self", stack_name=own)
    found = {name: await reference.get_output_details(name) for name in names}
    return Previous(
        {name: each.value or each.secret_value for name, each in found.items()},
        frozenset(name for name, each in found.items() if each.secret_value is not None),
    )
