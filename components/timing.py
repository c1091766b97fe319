"""How long the engine works at each resource of an update."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

import pulumi
from pulumi.runtime.stack import register_stack_transformation

from flakeship.rollout.phases import Step
from flakeship.state.resources import RESULT
from flakeship.system import processes


class Timing:
    """The steps of an update that have succeeded, by hooks of every resource declared after it.

    What stays as it is has no hooks called, so an update that does nothing has no steps.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._begun: dict[str, float] = {}
        program = processes.find(os.getpid())
        age = time.time() - program.started if program else 0.0
        self._start = time.monotonic() - age
        begin = pulumi.ResourceHook("step-begins", self._begin)
        end = pulumi.ResourceHook("step-ends", self._end)
        self._hooks = pulumi.ResourceOptions(
            hooks=pulumi.ResourceHookBinding(
                before_create=[begin],
                after_create=[end],
                before_update=[begin],
                after_update=[end],
            )
        )
        register_stack_transformation(self._add)

    def _add(
        self, args: pulumi.ResourceTransformationArgs
    ) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource) or args.type_.startswith("pulumi:"):
            return None
        merged = pulumi.ResourceOptions.merge(args.opts, self._hooks)
        return pulumi.ResourceTransformationResult(args.props, merged)

    def _now(self) -> float:
        return time.monotonic() - self._start

    def _begin(self, args: pulumi.ResourceHookArgs) -> None:
        self._begun.setdefault(args.urn, self._now())

    def _end(self, args: pulumi.ResourceHookArgs) -> None:
        begin, end = self._begun.pop(args.urn, None), self._now()
        if begin is None:
            return
        seen = (args.new_outputs or {}).get(RESULT)
        seconds = seen.get("seconds_to_ssh") if isinstance(seen, Mapping) else None
        self.steps.append(Step(args.type, args.name, begin, end, float(seconds or 0.0)))
