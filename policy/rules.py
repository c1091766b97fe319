"""What a rule is, and what it is told of a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Config = Mapping[str, Any]
"""The settings of a policy, with the defaults of its schema."""


class Unknown:
    """A value that only an update knows: a preview lets it pass, and the update checks it."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Resource:
    """A resource as it is declared: its inputs by their names in Pulumi's schema.

    Numbers are floats, and a value that is not known yet is UNKNOWN. `ignored` are the inputs whose
    changes it ignores. `parent` is a URN, and so are those of `needs`, which it depends on itself.
    """

    urn: str
    type: str
    props: Mapping[str, Any]
    ignored: frozenset[str] = frozenset()
    parent: str = ""
    needs: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[-1]  # which may have colons itself

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.urn.partition("::")[0].rpartition(":")[2]


@dataclass(frozen=True)
class Rule:
    """A policy on single resources: `check` tells each violation in a sentence or two.

    `settings` are the properties of its JSON schema. A violation says what was given, what is
    allowed and what to do next, and has no value that may be a secret.
    """

    name: str
    description: str
    check: Callable[[Resource, Config], Iterator[str]]
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class StackRule:
    """A policy on all resources of a stack together: each violation with its resource."""

    name: str
    description: str
    check: Callable[[Sequence[Resource], Config], Iterator[tuple[Resource, str]]]
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)


AnyRule = Rule | StackRule


def mapping(value: object) -> Mapping[str, Any]:
    """A value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """A value where it is a list, else an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def at(props: Mapping[str, Any], *path: str) -> object:
    """The value at a path of names; None where there is none."""
    found: object = props
    for name in path:
        found = found if found is UNKNOWN else mapping(found).get(name)
    return found
