"""What `make up` ends with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flakeship import summary
from flakeship.errors import FlakeshipError
from flakeship.requests import Check, Evidence, plain

from .test_ledger import KNOWN


def resources() -> list[dict[str, Any]]:
    checks = [
        Check("host-key", passed=True, milliseconds=512, detail="ssh-ed25519"),
        Check("nix-build", passed=True, milliseconds=2050, detail=""),
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


def test_the_whole_summary() -> None:
    assert (
        summary.text(resources())
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
        plain(Check(name, passed=True, milliseconds=40, detail="exit code 0"))
        for name in checks or []
    ]
    moved = {
        "type": "command:local:Command",
        "urn": "urn:pulumi:dev::p::flakeship:local:Cutover$command:local:Command::cutover-web",
        "outputs": {"stdout": json.dumps({} if checks is None else {"checks": seen})},
    }
    shown = summary.text([*resources(), moved]).removeprefix(summary.text(resources()))
    assert shown == ("\n  with its data disks:\n  ✓ schema    0.04 s  exit code 0" if seen else "")


def test_nothing_verified_yet() -> None:
    with pytest.raises(FlakeshipError, match="nothing is verified in this stack yet"):
        summary.text([])


def test_evidence_that_is_not_there() -> None:
    with pytest.raises(FlakeshipError, match="the state holds no evidence of web-33333333-abcd"):
        summary.text(resources()[:1])
