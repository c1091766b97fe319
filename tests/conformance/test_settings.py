"""What a target's settings refuse, with the key and the reason."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flakeship.config.settings import validated
from flakeship.config.target import TargetSchema
from flakeship.model.errors import SettingError
from flakeship.targets import registry
from tests.conformance.stack import Deployed


def refused(deployed: Deployed, **changed: Any) -> SettingError:
    """The error that settings with these changes end with."""
    with pytest.raises(SettingError) as caught:
        validated({**deployed.settings, **changed}, deployed.spec, registry.names())
    return caught.value


def first_server(deployed: Deployed, **changed: Any) -> list[dict[str, Any]]:
    """The example's servers, the first one changed."""
    servers: list[dict[str, Any]] = copy.deepcopy(deployed.settings["servers"])
    servers[0] |= changed
    return servers


def spec(target: str) -> TargetSchema:
    return registry.spec(target)


def test_the_example_is_accepted(deployed: Deployed) -> None:
    found = validated(deployed.settings, deployed.spec, registry.names())
    assert [server.name for server in found.instances] == ["web", "db"]
    assert found.target == deployed.target


def test_a_check_may_not_have_a_name_of_the_target(deployed: Deployed) -> None:
    for name in deployed.spec.checks:
        error = refused(
            deployed, servers=first_server(deployed, checks=[{"name": name, "run": "true"}])
        )
        assert error.key.startswith("flakeship:servers[0].checks")
        assert f"{name} is the name of a built-in check" in error.what


@pytest.mark.parametrize("other", registry.names())
def test_blocks_of_other_targets_are_refused(deployed: Deployed, other: str) -> None:
    if other == deployed.target:
        return
    error = refused(deployed, **{other: {"any": 1}})
    assert (error.code, error.key) == ("setting-other-target", f"flakeship:{other}")
    error = refused(deployed, servers=first_server(deployed, **{other: {"any": 1}}))
    assert (error.code, error.key) == ("setting-other-target", f"flakeship:servers[0].{other}")
    # Pulumi.yaml gives every stack empty ones
    assert validated({**deployed.settings, other: {}}, deployed.spec, registry.names())


def test_an_unknown_key_is_refused_where_it_is(deployed: Deployed) -> None:
    own = {**deployed.settings.get(deployed.target, {}), "nonesuch": 1}
    error = refused(deployed, **{deployed.target: own})
    assert (error.code, error.key) == ("setting-unknown", f"flakeship:{deployed.target}.nonesuch")
    block = {deployed.target: {"nonesuch": 1}}
    error = refused(deployed, servers=first_server(deployed, **block))
    assert (error.code, error.key) == (
        "setting-unknown",
        f"flakeship:servers[0].{deployed.target}.nonesuch",
    )


def test_what_the_target_cannot_do_is_refused(deployed: Deployed) -> None:
    can = deployed.spec.features
    port = {"port": 80, "allowFrom": ["192.0.2.0/24"]}
    forwarded = {"port": 80, "hostPort": 8080}
    asked: list[tuple[bool, dict[str, Any], str]] = [
        (
            can.data_disks,
            {"servers": first_server(deployed, dataDisks={"x": "1G"})},
            "flakeship:servers[0].dataDisks",
        ),
        (
            can.sources,
            {"servers": first_server(deployed, ports=[port], checks=[])},
            "flakeship:servers[0].ports[0].allowFrom",
        ),
        (
            can.host_ports,
            {"servers": first_server(deployed, ports=[forwarded], checks=[])},
            "flakeship:servers[0].ports[0].hostPort",
        ),
        (can.no_servers, {"servers": []}, "flakeship:servers"),
        (can.standby, {"standbyReleases": 2, "retainReleases": 5}, "flakeship:standbyReleases"),
    ]
    for supported, changed, key in asked:
        if supported:
            assert validated({**deployed.settings, **changed}, deployed.spec, registry.names())
        else:
            error = refused(deployed, **changed)
            assert (error.code, error.key) == ("setting-unsupported", key)
