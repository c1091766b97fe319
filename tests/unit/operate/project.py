"""The environments of a project for tests: dev builds, staging and prod promote."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flakeship.model.codec import plain
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.machine import MachineId
from flakeship.model.release import Artifact, File, Record
from flakeship.model.sizes import MIB
from flakeship.state import outputs
from flakeship.state.environments import Environment
from flakeship.state.stack import Stack
from tests.unit.model.test_ledger import release

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
COMMIT = "a761a0c655eb11b12feb7195563e25f24e9bbc3"
PASSED = ("firewall", "greeting", "host-key")


def record(digit: int, at: str, origin: str = "", host: str = "web", dirty: str = "") -> Record:
    """A release whose name, revision, size and times are told by a digit."""
    made = replace(release(digit, f"{COMMIT}{digit}{dirty}"), host=host, version=f"25.{digit}")
    size = 40 * MIB + digit * MIB
    artifact = Artifact((File(made.paths[0], size, str(digit) * 128),), 512)
    return Record(made, artifact, at, PASSED, origin, 10.0 + digit, 5.0 + digit / 2)


def evidence(machine: str, at: str, seconds: float = 12.5, detail: str = "seen") -> Evidence:
    checks = [CheckResult(name, passed=True, milliseconds=250, detail=detail) for name in PASSED]
    return Evidence(machine, 1, ["ssh-ed25519 AAAA"], seconds, checks, at)


def server(name: str, record: Record, address: str) -> dict[str, Any]:
    machine = MachineId.of(name, record.release, "abcd")
    found = outputs.ServerOutput(
        "fake", str(machine), record.name, address, {"22": f"{address}:22", "80": f"{address}:80"}
    )
    return found.plain()


def environment(
    name: str,
    ledger: list[Record],
    servers: dict[str, dict[str, Any]],
    proven: list[Evidence],
    promote_from: str = "",
) -> Environment:
    running: dict[str, str] = {}
    for each in servers.values():
        known = next((known for known in ledger if known.name == each["release"]), None)
        running |= {known.release.host: known.name} if known else {}
    stored = {
        "flakeship": outputs.header("fake", promote_from),
        "running": running or {each.release.host: each.name for each in ledger[:1]},
        "releases": [plain(each) for each in ledger],
        "servers": servers,
        "machines": {"web": [{"user_data": "a-secret"}]},
    }
    urn = f"urn:pulumi:{name}::p::"
    resources = [
        {
            "urn": f"{urn}pulumi:pulumi:Stack::p-{name}",
            "type": "pulumi:pulumi:Stack",
            "outputs": stored,
        },
        *(
            {
                "urn": f"{urn}flakeship:fake:Verification::{each.machine}",
                "type": "flakeship:fake:Verification",
                "outputs": {"result": plain(each)},
            }
            for each in proven
        ),
    ]
    return Environment(name, Stack(name, {"resources": resources}), promote_from)


THREE, TWO, ONE = (
    record(3, "2026-11-28 11:30:00+00:00", dirty="-dirty"),
    record(2, "2026-11-27 12:00:00+02:00"),
    record(1, "2026-11-10 12:00:00+00:00"),
)
DEV = environment(
    "dev",
    [THREE, TWO, ONE],
    {"web": server("web", THREE, "198.51.100.1")},
    [
        evidence("web-33333333-abcd", THREE.at),
        evidence("web-22222222-abcd", TWO.at, 11.5),
    ],
)
STAGED = replace(TWO, at="2026-11-27 20:00:00+00:00", origin="dev", ssh_seconds=20.5)
STAGING = environment(
    "staging",
    [STAGED],
    {"web-1": server("web-1", STAGED, "198.51.100.11")},
    [evidence("web-1-22222222-abcd", STAGED.at)],
    "dev",
)
LIVE = replace(ONE, at="2026-11-20 12:00:00+00:00", origin="staging", ssh_seconds=19.0)
PROMOTED = replace(STAGED, at="2026-11-28 11:59:30+00:00", origin="staging")
PROD = environment(
    "prod",
    [PROMOTED, LIVE],
    {
        "web-1": server("web-1", PROMOTED, "2001:db8::1"),
        "web-2": server("web-2", LIVE, "2001:db8::2"),
    },
    [
        evidence("web-1-22222222-abcd", PROMOTED.at),
        evidence("web-2-11111111-abcd", LIVE.at),
    ],
    "staging",
)
