"""What `make up` ends with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.operate import status
from flakeship.state.stack import Stack
from tests.unit.model.test_ledger import KNOWN


def resources() -> list[dict[str, Any]]:
    checks = [
        CheckResult("host-key", passed=True, milliseconds=512, detail="ssh-ed25519"),
        CheckResult("nix-build", passed=True, milliseconds=2050, detail=""),
    ]
    evidence = Evidence(
        "web-33333333-abcd", 1, ["ssh-ed25519 AAAA"], 9.54, checks, "2026-07-01 12:00:00+02:00"
    )
    web = {
        "machine": "web-33333333-abcd",
        "host": "here",
        "ssh": "ssh -F .state/dev/ssh_config web",
        "ports": {"80": "127.0.0.1:8080"},
    }
    outputs = {
        "running": {"web": "web-33333333"},
        "releases": [plain(record) for record in KNOWN],
        "servers": {"web": web},
    }
    return [
        {"type": "pulumi:pulumi:Stack", "outputs": outputs},
        {"type": "flakeship:index:Verification", "outputs": {"evidence": plain(evidence)}},
        {"type": "command:local:Command"},
    ]


def text(resources: list[dict[str, Any]]) -> str:
    return status.text(Stack("dev", {"resources": resources}))


def test_the_whole_summary() -> None:
    assert (
        text(resources())
        == f"""
release   web-33333333 (1)
toplevel  /nix/store/{"t" * 32}-system
image     /nix/store/{"3" * 32}-image/image.qcow2, 0.0 MiB
sha512    {"3" * 128}
ledger    web-33333333, running
          web-22222222
          web-11111111

web: ssh -F .state/dev/ssh_config web, 80 at 127.0.0.1:8080
  verified 2026-07-01 12:00:00+02:00, SSH answered after 9.5 s
  ✓ host-key     0.51 s  ssh-ed25519
  ✓ nix-build    2.05 s"""
    )


@pytest.mark.parametrize("checks", [None, [], ["schema"]])
def test_what_the_cut_over_has_checked(checks: list[str] | None) -> None:
    seen = [
        plain(CheckResult(name, passed=True, milliseconds=40, detail="exit code 0"))
        for name in checks or []
    ]
    moved = {
        "type": "command:local:Command",
        "urn": "urn:pulumi:dev::p::flakeship:local:Cutover$command:local:Command::cutover-web",
        "outputs": {"stdout": json.dumps({} if checks is None else {"checks": seen})},
    }
    shown = text([*resources(), moved]).removeprefix(text(resources()))
    assert shown == ("\n  with its data disks:\n  ✓ schema    0.04 s  exit code 0" if seen else "")


def test_nothing_verified_yet() -> None:
    with pytest.raises(FlakeshipError, match="nothing is verified in this stack yet"):
        text([])


def test_evidence_that_is_not_there() -> None:
    with pytest.raises(FlakeshipError, match="the state holds no evidence of web-33333333-abcd"):
        text(resources()[:1])


def on_a_cloud(*servers: str) -> list[dict[str, Any]]:
    """The same on a cloud, with the evidence of an older server of web's and of another's."""
    found = resources()
    report = found[0]["outputs"]["servers"].pop("web")
    for name in servers:
        found[0]["outputs"]["servers"][name] = {
            **report,
            "address": "203.0.113.7",
            "flavor": "m1.small",
            "ssh": "ssh -F /dev/null …",
            "ports": {"22": "203.0.113.7:22", "80": "203.0.113.7:80"},
        }
    found[0]["outputs"]["published"] = {"web-33333333": {"id": "an-image", "count": 1}}
    cutover = "urn:pulumi:dev::p::a$openstack:networking/floatingIpAssociate::cutover-web"
    found.append({"type": "openstack:networking", "urn": cutover, "outputs": {"id": "x"}})
    return found


def older(machine: str) -> dict[str, Any]:
    evidence = Evidence(machine, 1, [], 3.0, [], "2026-06-01 12:00:00+02:00")
    return {"type": "flakeship:index:Verification", "outputs": {"evidence": plain(evidence)}}


def test_a_server_on_a_cloud() -> None:
    shown = text([*on_a_cloud("web"), older("web-22222222-abcd"), older("web-db-22222222-abcd")])
    assert f"sha512    {'3' * 128}\nglance    an-image\nledger" in shown
    assert shown.endswith(
        """
web: make ssh STACK=dev SERVER=web, 80 at 203.0.113.7:80
  web-33333333-abcd at 203.0.113.7, flavor m1.small
  verified 2026-07-01 12:00:00+02:00, SSH answered after 9.5 s
  ✓ host-key     0.51 s  ssh-ed25519
  ✓ nix-build    2.05 s
  web-22222222-abcd runs too, to go back to; verified 2026-06-01 12:00:00+02:00, 0 checks passed"""
    )


@pytest.mark.parametrize("servers", [{}, []])
def test_a_test_server_that_is_gone_again(servers: object) -> None:
    found = on_a_cloud()
    found[0]["outputs"]["servers"] = servers
    assert text(found).endswith(
        """
web-33333333-abcd: a test server, removed by its verification
  verified 2026-07-01 12:00:00+02:00, SSH answered after 9.5 s
  ✓ host-key     0.51 s  ssh-ed25519
  ✓ nix-build    2.05 s"""
    )
