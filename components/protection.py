"""`flakeship:protect`: Pulumi refuses to delete or replace what is stable in a stack.

What the state protects and this run declares no more is refused here, before anything changes:
Pulumi looks at it in the end, when addresses have moved already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pulumi

from flakeship.rollout.protection import removal
from flakeship.state.resources import IMAGE, Kind
from flakeship.state.stack import Resource, exported, named

from . import lifecycle


@dataclass(frozen=True)
class Stable:
    """What of a target's graph outlives every release: its addresses and disks, by their `kinds`.

    The subjects of `images` are releases: they are stable while they are in use.
    """

    kinds: Sequence[Kind] = ()
    images: Sequence[Kind] = ()


@dataclass
class Protection:
    """Protects what is declared after `begin`, and remembers it in `names`, as people read it.

    `protect` is the setting; `recorded` is what the state protects.
    """

    stable: Stable
    in_use: Collection[str]
    protect: bool
    recorded: Sequence[Resource]
    names: list[str] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Protect from now on. Children of a protected resource would be too: it has none."""
        if self.protect or self.recorded:
            pulumi.runtime.register_stack_transformation(self._protected)

    def refuse_removal(self, stack: str) -> None:
        """Leave where what is stable would be removed, once all is declared."""
        ours = (*self.stable.kinds, IMAGE, *self.stable.images)
        lost = [
            each.urn
            for each in self.recorded
            if any(kind.subject(each.token, each.urn) is not None for kind in ours)
            and named(each.urn) not in self.declared
        ]
        if lost:
            lifecycle.leave(removal(lost, stack))

    def _protected(
        self, args: pulumi.ResourceTransformationArgs
    ) -> pulumi.ResourceTransformationResult | None:
        self.declared.add(f"{args.type_} {args.name}")
        if not (self.protect and self._is_stable(args.type_, args.name)):
            return None
        self.names.append(f"{args.type_.rpartition(':')[2]} {args.name}")
        own = pulumi.ResourceOptions(protect=True)
        opts = pulumi.ResourceOptions.merge(args.opts, own)
        return pulumi.ResourceTransformationResult(args.props, opts)

    def _is_stable(self, token: str, name: str) -> bool:
        if any(kind.subject(token, name) is not None for kind in self.stable.kinds):
            return True
        releases = (kind.subject(token, name) for kind in (IMAGE, *self.stable.images))
        return any(release in self.in_use for release in releases)


async def recorded(stack: str) -> list[Resource]:
    """What the state of a stack protects. Raises FlakeshipError where it cannot be read."""
    found = await asyncio.to_thread(exported, stack)
    return [each for each in found.resources if each.protected]
