"""The pack: what Pulumi hands over becomes what a rule is told."""

from __future__ import annotations

import string
import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from flakeship import __version__
from policy import pack
from policy.admin_ports import FIREWALLS, SECURITY_GROUP_RULE
from policy.image_digests import DOWNLOADS, FAKE, FILE, GLANCE, OWN
from policy.ownership_tags import PLACES
from policy.password_logins import MACHINES
from policy.rules import UNKNOWN, Resource, Rule
from tests.project import ROOT

TYPES = sorted(
    {SECURITY_GROUP_RULE, FAKE, FILE, GLANCE, "command:remote:Command"}
    | FIREWALLS
    | DOWNLOADS
    | OWN
    | MACHINES
    | {*PLACES}
)
NAMES = st.sampled_from(
    [
        *("adminPass", "artifact", "connection", "files", "initialization", "metadata", "owner"),
        *("password", "portRangeMin", "properties", "remoteIpPrefix", "rules", "sha512", "data"),
        *("sourceRaw", "tags", "userAccount", "userData", "direction", "protocol"),
        *("type", "action", "proto", "dport", "macro", "source"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(string.printable, max_size=20)
    | st.sampled_from(["ingress", "tcp", "in", "ACCEPT", "#cloud-config\nusers: 1", "0.0.0.0/0"])
    | st.just(UNKNOWN)
)
PROPS: st.SearchStrategy[Any] = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)),
)


def test_what_is_unknown_is_a_value_of_its_own() -> None:
    held = {"a": UNKNOWN_STRING_VALUE, "b": [{"c": UNKNOWN_NUMBER_VALUE}, "d"], "e": {"f": 1.0}}
    shown = pack.plain(unknown_checking_proxy(deserialize_properties(held)))
    assert shown == {"a": UNKNOWN, "b": [{"c": UNKNOWN}, "d"], "e": {"f": 1.0}}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), PROPS)
def test_no_input_is_an_error_of_a_rule(kind: str, props: dict[str, Any]) -> None:
    resource = Resource(f"urn:pulumi:test::flakeship::{kind}::extra", kind, props)
    for rule in pack.RULES:
        if isinstance(rule, Rule):
            assert all(isinstance(said, str) for said in rule.check(resource, {}))


def test_policies_have_names_of_their_own_and_a_schema_with_defaults() -> None:
    names = [rule.name for rule in pack.RULES]
    assert len(names) == len({*names})
    for rule in pack.RULES:
        policy = pack.policy(rule)
        assert (policy.name, policy.description) == (rule.name, rule.description)
        assert policy.config_schema
        assert all("default" in each for each in policy.config_schema.properties.values())


def test_the_pack_has_the_version_of_flakeship() -> None:
    project = yaml.safe_load((ROOT / "policy/PulumiPolicy.yaml").read_text())
    assert project["version"] == __version__


def test_no_module_hides_one_of_pythons() -> None:
    # Pulumi puts the folder of a pack before all others
    modules = {file.stem for file in Path(ROOT / "policy").glob("*.py")}
    assert not modules & sys.stdlib_module_names
