"""The hooks by which an update notes how long each resource takes."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pytest

URN = "urn:pulumi:dev::flakeship::{}::{}"
INSTANCE, VERIFICATION = "openstack:compute/instance:Instance", "flakeship:local:Verification"


class Hook:
    """In the place of one that is registered with an engine."""

    def __init__(self, name: str, callback: Any) -> None:
        self.name, self.callback = name, callback


class Custom(pulumi.CustomResource):
    """A resource that is only asked for its class."""

    def __init__(self) -> None:
        pass


class Component(pulumi.ComponentResource):
    """The same of a component."""

    def __init__(self) -> None:
        pass


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> Any:
    from components import timing  # noqa: PLC0415

    monkeypatch.setattr(pulumi, "ResourceHook", Hook)
    monkeypatch.setattr(timing, "register_stack_transformation", lambda _: None)
    return timing.Timing()


def declared(
    timing: Any, resource: pulumi.Resource, token: str, opts: pulumi.ResourceOptions
) -> pulumi.ResourceOptions | None:
    """The options of a resource after the transformation; None where it is left alone."""
    args = pulumi.ResourceTransformationArgs(resource, token, "web", {}, opts)
    done = timing._add(args)
    return done and cast("pulumi.ResourceOptions", done.opts)


def names(hooks: Any) -> list[str]:
    return [each.name for each in hooks or []]


def test_a_resource_keeps_its_own_hooks_which_come_first(timing: Any) -> None:
    own: Any = Hook("no-second", None)
    given = pulumi.ResourceOptions(
        hooks=pulumi.ResourceHookBinding(before_create=[own]), delete_before_replace=False
    )
    opts = declared(timing, Custom(), INSTANCE, given)
    assert opts
    assert opts.hooks
    assert names(opts.hooks.before_create) == ["no-second", "step-begins"]
    assert names(opts.hooks.after_create) == ["step-ends"]
    assert names(opts.hooks.before_update) == ["step-begins"]
    assert names(opts.hooks.after_update) == ["step-ends"]
    # a destroy runs no program that could be called back
    assert not opts.hooks.before_delete
    assert not opts.hooks.after_delete
    assert opts.delete_before_replace is False


def test_what_takes_no_time_of_its_own_is_left_alone(timing: Any) -> None:
    none = pulumi.ResourceOptions()
    assert declared(timing, Component(), "flakeship:local:Server", none) is None
    assert declared(timing, Custom(), "pulumi:providers:openstack", none) is None
    assert declared(timing, Custom(), "pulumi:pulumi:StackReference", none) is None


def about(token: str, name: str, **given: Any) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(URN.format(token, name), "", name, token, **given)


def test_steps_are_those_that_have_ended(timing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([2.0, 3.0, 4.5, 9.0])
    monkeypatch.setattr(timing, "_now", lambda: next(clock))
    timing._begin(about(VERIFICATION, "web-1"))
    timing._begin(about(INSTANCE, "server-web-2"))
    proof = {"result": {"seconds_to_ssh": 2.25, "machine": "web-1"}}
    timing._end(about(VERIFICATION, "web-1", new_outputs=proof))
    (step,) = timing.steps
    assert (step.phase, step.subject, step.begin, step.end) == ("verification", "web-1", 2.0, 4.5)
    assert step.seconds_to_ssh == 2.25
    timing._end(about(INSTANCE, "server-web-2", new_outputs={"result": "of the provider's own"}))
    assert [each.seconds_to_ssh for each in timing.steps] == [2.25, 0.0]
    assert timing.steps[1].seconds == 6.0


def test_the_clock_begins_with_the_process(timing: Any) -> None:
    assert timing._now() > 0.05  # the interpreter and pytest have taken that
