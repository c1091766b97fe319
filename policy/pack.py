"""The policy pack: rules as Pulumi's policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from . import (
    admin_ports,
    image_digests,
    in_place_rebuilds,
    ownership_tags,
    password_logins,
    promotion_gates,
    unverified_cutovers,
)
from .rules import UNKNOWN, AnyRule, Resource, Rule, StackRule

RULES: tuple[AnyRule, ...] = (
    admin_ports.RULE,
    image_digests.RULE,
    in_place_rebuilds.RULE,
    ownership_tags.RULE,
    password_logins.RULE,
    promotion_gates.RULE,
    unverified_cutovers.RULE,
)
"""The rules of Flakeship. A new one is a file like theirs, and a line here."""


def run(more: Sequence[AnyRule] = ()) -> None:
    """Serve the policies to Pulumi's engine, with `more` of a project's own.

    A violation refuses the change unless the configuration of the pack says otherwise.
    """
    policies: list[Policy] = [policy(rule) for rule in (*RULES, *more)]
    PolicyPack("flakeship", policies, EnforcementLevel.MANDATORY)


def policy(rule: AnyRule) -> Policy:
    """A rule as Pulumi has it."""
    schema = PolicyConfigSchema({**rule.settings})
    if isinstance(rule, StackRule):
        return StackValidationPolicy(
            rule.name, rule.description, _on_stack(rule), config_schema=schema
        )
    return ResourceValidationPolicy(
        rule.name, rule.description, _on_resource(rule), config_schema=schema
    )


def _on_resource(rule: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = Resource(
            args.urn,
            args.resource_type,
            plain(args.props),
            frozenset(args.opts.ignore_changes),
            args.opts.parent or "",
        )
        for violation in rule.check(resource, args.get_config()):
            report(violation, None)

    return validate


def _on_stack(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [_resource(each) for each in args.resources]
        for resource, violation in rule.check(resources, args.get_config()):
            report(violation, resource.urn)

    return validate


def _resource(given: PolicyResource) -> Resource:
    return Resource(
        given.urn,
        given.resource_type,
        plain(given.props),
        frozenset(given.opts.ignore_changes),
        given.parent.urn if given.parent else "",
        frozenset(each.urn for each in given.dependencies),
    )


def plain(given: Any) -> Any:  # noqa: ANN401
    """A value without Pulumi's proxy, which raises where a rule touches what is not known yet."""
    if isinstance(given, Mapping):
        return {key: _known(given, key) for key in given}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [_known(given, index) for index in range(len(given))]
    return given


def _known(given: Any, key: Any) -> Any:  # noqa: ANN401
    try:
        return plain(given[key])
    except UnknownValueError:
        return UNKNOWN
