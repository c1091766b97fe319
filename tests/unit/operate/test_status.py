"""`flakeship status`: what it shows of a stack, from its state alone."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.operate import status
from flakeship.state import outputs
from flakeship.state.stack import Stack
from tests.unit.model.test_ledger import KNOWN

STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::flakeship-dev"
OURS = "urn:pulumi:dev::p::flakeship:local"


def verification(machine: str, at: str, *checks: CheckResult) -> dict[str, Any]:
    evidence = Evidence(machine, 1, ["ssh-ed25519 AAAA"], 9.54, list(checks), at)
    return {
        "urn": f"{OURS}:Verification::{machine}",
        "type": "flakeship:local:Verification",
        "outputs": {"result": plain(evidence)},
    }


def resources(target: str = "local", **details: Any) -> list[dict[str, Any]]:
    checks = [
        CheckResult("host-key", passed=True, milliseconds=512, detail="ssh-ed25519"),
        CheckResult("nix-build", passed=True, milliseconds=2050, detail=""),
    ]
    web = {
        "target": target,
        "machine": "web-33333333-abcd",
        "release": "web-33333333",
        "address": "203.0.113.7",
        "ssh": "ssh -F .state/dev/ssh_config web",
        "ports": {"22": "203.0.113.7:22", "80": "127.0.0.1:8080"},
        target: details,
    }
    stored = {
        "flakeship": outputs.header(target),
        "running": {"web": "web-33333333"},
        "releases": [plain(record) for record in KNOWN],
        "servers": {"web": web},
        "machines": {"web": [{"user_data": "secret"}]},
    }
    return [
        {"urn": STACK, "type": "pulumi:pulumi:Stack", "outputs": stored},
        verification("web-33333333-abcd", "2026-07-01 12:00:00+02:00", *checks),
        {"urn": "urn:pulumi:dev::p::command:local:Command::image-web-33333333"},
    ]


def text(resources: list[dict[str, Any]]) -> str:
    return status.status(Stack("dev", {"resources": resources}))


EVIDENCE = """
  verified 2026-07-01 12:00:00+02:00, SSH answered after 9.5 s
  ✓ host-key     0.51 s  ssh-ed25519
  ✓ nix-build    2.05 s"""


def test_the_whole_status() -> None:
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

web: ssh -F .state/dev/ssh_config web, 80 at 127.0.0.1:8080"""
        + EVIDENCE
    )


@pytest.mark.parametrize("checks", [None, [], ["schema"]])
def test_what_the_cutover_has_checked(checks: list[str] | None) -> None:
    seen = [
        plain(CheckResult(name, passed=True, milliseconds=40, detail="exit code 0"))
        for name in checks or []
    ]
    done = {"server": "web", "machine": "m", "previous": "", "forwards": {}, "checks": seen}
    moved = {
        "urn": f"{OURS}:Cutover::web",
        "type": "flakeship:local:Cutover",
        "outputs": {"result": done},
    }
    lines = text([*resources(), *([moved] if checks is not None else [])]).splitlines()
    assert ("  with its data disks:" in lines) is bool(seen)
    assert ("  ✓ schema    0.04 s  exit code 0" in lines) is bool(seen)


def test_a_server_without_a_login() -> None:
    found = resources()
    found[0]["outputs"]["servers"]["web"]["ssh"] = ""
    assert "\nweb: 80 at 127.0.0.1:8080\n" in text(found)


def test_nothing_verified_yet() -> None:
    with pytest.raises(FlakeshipError) as caught:
        text([])
    assert caught.value.code == "nothing-verified"


def test_evidence_that_is_not_there() -> None:
    with pytest.raises(FlakeshipError) as caught:
        text(resources()[:1])
    assert (caught.value.code, caught.value.key) == ("evidence-missing", "web-33333333-abcd")


def test_a_server_on_a_cloud_with_a_standby_machine() -> None:
    found = resources("openstack", flavor="m1.small")
    found[0]["outputs"]["openstack"] = {"published": {"web-33333333": {"id": "an-image"}}}
    older = "2026-06-01 12:00:00+02:00"
    found += [verification(f"{name}-22222222-abcd", older) for name in ("web", "web-db")]
    shown = text(found)
    assert f"sha512    {'3' * 128}\nglance    an-image\nledger" in shown
    assert "  web-33333333-abcd at 203.0.113.7, flavor m1.small\n" in shown
    standby = "web-22222222-abcd is on standby for a rollback; verified 2026-06-01 12:00:00+02:00"
    assert shown.splitlines()[-1] == f"  {standby}, 0 checks passed"


def test_a_test_server_that_is_removed() -> None:
    found = resources("openstack")
    found[0]["outputs"]["servers"] = {}
    line = "\nweb-33333333-abcd: a test server, removed after its verification"
    assert text(found).endswith(line + EVIDENCE)


def test_for_scripts_there_is_no_secret() -> None:
    plain_status = status.plain(Stack("dev", {"resources": resources()}))
    assert plain_status["running"] == {"web": "web-33333333"}
    assert [c["name"] for c in plain_status["checks"]["web-33333333-abcd"]] == [
        "host-key",
        "nix-build",
    ]
    assert "secret" not in str(plain_status)
