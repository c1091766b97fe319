"""What the last good run of this stack left in its outputs."""

from __future__ import annotations

from typing import Any

import pulumi


async def previous_outputs(*names: str) -> dict[str, Any]:
    """The named outputs of this very stack before this run; None where there is none yet.

    A failed run leaves outputs as they were where they come through the verification
    (docs/decisions/0005). Secret ones come back as they were.
    """
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    reference = pulumi.StackReference("self", stack_name=own)
    found = {name: await reference.get_output_details(name) for name in names}
    return {name: each.value or each.secret_value for name, each in found.items()}
