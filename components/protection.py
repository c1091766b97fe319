"""`flakeship:protect`: Pulumi refuses to delete or replace what is stable in a stack."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pulumi

from flakeship.state.resources import IMAGE, Kind


@dataclass(frozen=True)
class Stable:
    """What of a target's graph outlives every release: its addresses and disks, by their `kinds`.

    The subjects of `images` are releases: they are stable while they are in use.
    """

    kinds: Sequence[Kind] = ()
    images: Sequence[Kind] = ()


@dataclass
class Protection:
    """Protects what is declared after `begin`, and remembers it in `names`, as people read it."""

    stable: Stable
    in_use: Collection[str]
    names: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Protect from now on. Children of a protected resource would be too: it has none."""
        pulumi.runtime.register_stack_transformation(self._protected)

    def _protected(
        self, args: pulumi.ResourceTransformationArgs
    ) -> pulumi.ResourceTransformationResult | None:
        if not self._is_stable(args.type_, args.name):
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
