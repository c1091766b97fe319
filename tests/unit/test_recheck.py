"""`make verify` looks at what the state says was verified."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship import recheck
from flakeship.errors import FlakeshipError
from flakeship.requests import Evidence, dump


def resource(name: str, **inputs: str) -> dict[str, Any]:
    done = dump(Evidence("test-33333333-abcd", 1, ["ssh-ed25519 AAAA"], 3.0, []))
    return {"urn": f"urn:pulumi:dev::p::t::{name}", "inputs": inputs, "outputs": {"stdout": done}}


def test_a_cut_over_on_a_cloud_has_nothing_to_check() -> None:
    # it is an association of Neutron's, and no verb of ours
    moved = resource("cutover-web", floatingIp="203.0.113.7")
    with pytest.raises(FlakeshipError, match="nothing is verified in this stack yet"):
        recheck.recheck({"resources": [moved]}, str)


def test_a_test_server_that_is_gone_is_told() -> None:
    tried = resource("verification-test-33333333-abcd", create="trial", stdin="{}")
    shown = recheck.recheck({"resources": [tried]}, str)
    assert "test-33333333-abcd\n  was a test server and is gone" in shown
