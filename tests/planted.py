"""A program of Flakeship's with one more resource in it, which a policy is to see.

It needs no provider: a component has inputs, and is analyzed like every resource.
"""

from __future__ import annotations

from collections.abc import Mapping

PROGRAM = """
import pulumi
from components import lifecycle, program

async def main():
    outputs = await program.program()
    pulumi.ComponentResource({type!r}, "extra", {props!r})
    return outputs

lifecycle.run(main)
"""
RULE = "openstack:networking/secGroupRule:SecGroupRule"


def program(kind: str, props: Mapping[str, object]) -> str:
    """The text of the program, with a resource `extra` of a type."""
    return PROGRAM.format(type=kind, props=dict(props))


def ssh_from(source: str) -> dict[str, object]:
    """The inputs of a rule of a security group that opens SSH."""
    return {
        "direction": "ingress",
        "protocol": "tcp",
        "portRangeMin": 22,
        "portRangeMax": 22,
        "remoteIpPrefix": source,
    }
