"""The rules of security groups: the declared ports, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.ports import Port, Transport

EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Rule:
    """A security group rule: one port from one network."""

    port: int
    source: str
    protocol: Transport = "tcp"

    @property
    def key(self) -> tuple[str | int, ...]:
        """The identity of the rule in its group."""
        return (self.port, self.source, *(["udp"] if self.protocol == "udp" else []))

    @property
    def ethertype(self) -> str:
        """`IPv4` or `IPv6`, as Neutron has it."""
        return "IPv6" if ":" in self.source else "IPv4"


def rules_of(ports: Sequence[Port]) -> list[Rule]:
    """The rules that let in the ports from their sources, sorted."""
    found = (
        Rule(port.port, source, port.transport)
        for port in ports
        for source in port.allow_from or EVERYBODY
    )
    return sorted(found, key=lambda rule: rule.key)


def group_name(stack: str, rules: Sequence[Rule]) -> str:
    """`<stack>-<hash of the rules>`: servers with the same rules share a group.

    Other rules are another group: a running server keeps its own until it is removed.
    """
    keys = json.dumps([rule.key for rule in rules])
    return f"{stack}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"
