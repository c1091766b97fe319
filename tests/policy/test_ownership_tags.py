"""No resource without ownership tags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from flakeship.targets.proxmox.resources import Marks, tags
from policy.ownership_tags import PLACES, RULE
from policy.rules import UNKNOWN, Resource
from tests.policy.declared import UNKNOWN_TYPE, resource, told

ADDRESS = "openstack:networking/floatingIp:FloatingIp"
INSTANCE = "openstack:compute/instance:Instance"
VM = "proxmoxve:index/vmLegacy:VmLegacy"
IMAGE = "flakeship:fake:Image"

UNTAGGED = {
    "openstack:compute/aggregateV2:AggregateV2",  # of the whole cloud
    "openstack:identity/project:Project",  # it owns, and is owned by nobody
    "openstack:keymanager/secretV1:SecretV1",
    "openstack:objectstorage/accountV1:AccountV1",  # of the project
    "openstack:objectstorage/containerObject:ContainerObject",  # its container has an owner
    "openstack:orchestration/stackV1:StackV1",  # one text
}
"""Types that take tags and need none."""


@pytest.mark.parametrize(
    "owned",
    [
        resource(ADDRESS, tags=["flakeship_stack=test", "flakeship_name=web"]),
        resource(ADDRESS, tags=["owner=team-a"]),
        resource(ADDRESS, tags=[UNKNOWN, "owner=team-a"]),
        resource(ADDRESS, tags=UNKNOWN),
        resource(INSTANCE, metadata={"flakeship_stack": "test", "flakeship_name": "web"}),
        resource(INSTANCE, metadata={"owner": UNKNOWN}),
        resource(INSTANCE, metadata={"flakeship_stack": UNKNOWN}),
        resource(VM, tags=tags(9000, Marks(stack="test", release="web-1"))),
        resource(VM, tags=["owner.team-a"]),
        resource(IMAGE, owner={"stack": "test", "release": "web-1"}),
        resource("flakeship:openstack:GlanceImage", properties={"flakeship_stack": "test"}),
        resource(UNKNOWN_TYPE),
    ],
)
def test_a_resource_that_says_whose_it_is_passes(owned: Resource) -> None:
    assert told(RULE, owned) == []


@pytest.mark.parametrize(
    "unowned",
    [
        resource(ADDRESS),
        resource(ADDRESS, tags=[]),
        resource(ADDRESS, tags=["prod", "owner"]),
        resource(ADDRESS, tags=["owner="]),
        resource(ADDRESS, tags=["flakeship_name=web"]),
        resource(INSTANCE, metadata={"role": "db"}),
        resource(INSTANCE, metadata=None),
        resource(VM, tags=["prod"]),
        resource(IMAGE, owner={}),
        resource(IMAGE),
        resource("flakeship:openstack:GlanceImage", file="/nix/store/i"),
    ],
)
def test_one_that_does_not_is_told(unowned: Resource) -> None:
    (said,) = told(RULE, unowned)
    assert "flakeship_stack or owner" in said


def test_the_tag_to_add_is_flakeships_where_flakeship_makes_it() -> None:
    ours = resource(ADDRESS, within="flakeship:openstack:Address")
    for unowned, tag in (
        (ours, "flakeship_stack=test"),
        (resource(IMAGE), "flakeship_stack=test"),
        (resource("flakeship:proxmox:Ownership"), "flakeship_stack.test"),
        (resource(ADDRESS), "owner=<who>"),
        (resource(VM), "owner.<who>"),
    ):
        (said,) = told(RULE, unowned)
        assert f"`{tag}`" in said
    (said,) = told(RULE, resource(ADDRESS), keys=["flakeship_stack"])
    assert "`flakeship_stack=test`" in said


@pytest.mark.parametrize(
    "foreign",
    [
        resource(ADDRESS, tags=["flakeship_stack=prod"]),
        resource(INSTANCE, metadata={"flakeship_stack": "prod", "owner": "team-a"}),
        resource(VM, tags=tags(9000, Marks(stack="prod"))),
    ],
)
def test_the_tag_of_another_stack_is_told(foreign: Resource) -> None:
    (said,) = told(RULE, foreign)
    assert "a sweep of prod may remove it" in said


def test_a_stack_that_proxmox_writes_in_lower_case_is_the_same() -> None:
    urn = f"urn:pulumi:Prod.EU::flakeship::{VM}::extra"
    owned = Resource(urn, VM, {"tags": tags(9000, Marks(stack="Prod.EU"))})
    assert told(RULE, owned) == []
    other = Resource(urn, VM, {"tags": ["flakeship_stack.prod.us.abc123"]})
    assert len(told(RULE, other)) == 1


def test_the_keys_are_a_setting() -> None:
    tagged = resource(ADDRESS, tags=["costcentre=42"])
    assert told(RULE, tagged, keys=["costcentre"]) == []
    (said,) = told(RULE, resource(ADDRESS, tags=["owner=a"]), keys=["costcentre"])
    assert "costcentre" in said


def taggable(package: str) -> Iterator[str]:
    """The types of a package that take tags or metadata, by the arguments in its sources."""
    spec = find_spec(package)
    assert spec
    assert spec.origin
    for file in Path(spec.origin).parent.rglob("*.py"):
        text = file.read_text()
        token = re.search(r"__init__\(\s*'([\w/:.-]+)',\s*resource_name", text)
        if token and ("tags" in text or "metadata" in text):
            inits = [
                each
                for node in ast.parse(text).body
                if isinstance(node, ast.ClassDef) and re.fullmatch(r"[A-Z]\w*Args", node.name)
                for each in node.body
                if isinstance(each, ast.FunctionDef) and each.name == "__init__"
            ]
            names = {arg.arg for init in inits for arg in [*init.args.args, *init.args.kwonlyargs]}
            if names & {"tags", "metadata"}:
                yield token[1]


@pytest.mark.parametrize("package", ["openstack", "proxmoxve"])
def test_every_type_that_takes_tags_is_known(package: str) -> None:
    found = {*taggable(f"pulumi_{package}")}
    known = {kind for kind in PLACES if kind.startswith(f"{package}:")}
    assert found - UNTAGGED == known
