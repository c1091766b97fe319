"""`flakeship releases`: where each release of a project is, since when, and by what evidence."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Revocation, Statements
from flakeship.operate import held, releases
from flakeship.operate.held import UNKNOWN, age
from flakeship.state.environments import Environment, Project
from tests.unit.operate.project import (
    DEV,
    NOW,
    ONE,
    PASSED,
    PROD,
    STAGING,
    THREE,
    TWO,
    environment,
    evidence,
    record,
    server,
)

GONE = Environment("qa", problem=FlakeshipError("was destroyed", code="x", key="stack qa"))
FAR = Environment("far", problem=FlakeshipError("no key", code="x", key="clouds.yaml"))
ALL = [DEV, STAGING, PROD, GONE, FAR]


def text(*environments: Environment, width: int = sys.maxsize) -> list[str]:
    return releases.text(Project(environments), NOW, width).splitlines()


def test_a_column_for_each_environment() -> None:
    table = [line.split("   ") for line in text(*ALL)]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in table]
    assert rows == [
        ["release", "revision", "dev", "staging (from dev)", "prod (from staging)"],
        ["web-33333333", "a761a0c655eb-dirty", "live, 30 min, 3 checks", "-", "-"],
        [
            *("web-22222222", "a761a0c655eb", "standby, 1 d 2 h, 3 checks", "live, 16 h, 3 checks"),
            "live on web-1, 30 s, 3 checks",
        ],
        [
            *("web-11111111", "a761a0c655eb", "kept, 18 d, 3 checks", "-"),
            "live on web-2, 8 d, 3 checks",
        ],
        [],
        ["stack qa: was destroyed"],
        ["stack far: clouds.yaml: no key"],
    ]


def test_a_narrow_terminal_gets_a_row_for_each_environment() -> None:
    shown = text(*ALL, width=80)
    assert max(map(len, shown)) <= 80
    assert shown[:2] == ["web-33333333  a761a0c655eb-dirty", "  dev   live, 30 min, 3 checks"]
    assert [line.split("   ")[0].strip() for line in shown[2:6]] == [
        *("web-22222222  a761a0c655eb", "dev", "staging (from dev)", "prod (from staging)")
    ]
    assert shown[-1] == "stack far: clouds.yaml: no key"


def test_a_project_without_stacks_and_one_without_releases() -> None:
    assert "pulumi up" in text()[0]
    assert text(GONE) == ["stack qa: was destroyed"]


def test_what_an_older_version_recorded_has_no_time() -> None:
    older = replace(ONE, at="", checks=())
    found = environment("dev", [older], {"web": server("web", older, "a")}, [])
    assert text(found)[1].split("   ")[-1] == "live"
    assert releases.plain(Project([found]))["environments"][0]["releases"][0]["verifiedAt"] is None


def test_a_stack_without_servers_has_its_newest_release() -> None:
    assert [each.place for each in held.held(environment("dev", [THREE, ONE], {}, []))] == [
        "newest",
        "kept",
    ]


def test_every_host_has_its_releases_together_by_their_first_verification() -> None:
    db = record(5, "2026-11-28 11:00:00+00:00", host="db")
    both = environment("both", [THREE, db, ONE], {}, [])
    found = held.newest_first(map(held.held, [PROD, both, STAGING, DEV]))
    assert [each.name for each in found] == [
        *("db-55555555", "web-33333333", "web-22222222", "web-11111111")
    ]


def test_a_machine_of_another_host_with_the_same_digits_is_not_on_standby() -> None:
    db = record(3, THREE.at, host="web-33333333-db")
    machines = [evidence("m-33333333-abcd", db.at), evidence("nonsense", db.at)]
    (found,) = held.held(environment("dev", [db], {}, machines))
    assert found.standby == ["m-33333333-abcd"]
    assert held.held(GONE) == []


def test_for_scripts() -> None:
    dev, staging, prod, gone, _ = releases.plain(Project(ALL))["environments"]
    assert [each["promoteFrom"] for each in (dev, staging, prod, gone)] == [
        "",
        "dev",
        "staging",
        "",
    ]
    assert dev["problem"] is None
    assert gone["problem"]["what"] == "was destroyed"
    assert gone["releases"] == []
    assert dev["releases"][1] == {
        "name": "web-22222222",
        "host": "web",
        "version": "25.2",
        "revision": "a761a0c655eb11b12feb7195563e25f24e9bbc32",
        "origin": "",
        "verifiedAt": "2026-11-27T10:00:00+00:00",
        "checks": [*PASSED],
        "place": "standby",
        "servers": [],
        "standbyMachines": ["web-22222222-abcd"],
        "revoked": None,
    }
    assert prod["releases"][0]["origin"] == "staging"
    assert prod["releases"][0]["servers"] == ["web-1"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        *((-3600, "in the future"), (-30, "0 s"), (119, "1 min 59 s"), (93600, "1 d 2 h")),
    ],
)
def test_ages(seconds: int, expected: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == expected


@pytest.mark.parametrize(
    "wrong", ["", "soon", "2026-13-01", "0001-01-01T00:00:00+14:00", "<b>", "2026-11-28 12:00:00"]
)
def test_a_time_that_is_none(wrong: str) -> None:
    assert held.when(wrong) == UNKNOWN
    assert age(held.when(wrong), NOW) == ""


def test_a_revision_keeps_that_it_is_dirty() -> None:
    assert releases.short(f"{'a' * 40}-dirty") == "aaaaaaaaaaaa-dirty"
    assert (releases.short("-dirty"), releases.short(""), releases.short("ab")) == (
        "-dirty",
        "",
        "ab",
    )


def test_a_revoked_release_is_marked() -> None:
    stated = Statements((Revocation(TWO.name, "loses\x1b[2J mail", "me@here", "2026-11-28"),))
    broken = FlakeshipError("cannot be read", code="x", key="stack flakeship-statements")
    shown = releases.text(Project([DEV], stated, broken), NOW, sys.maxsize).splitlines()
    assert [line.split("   ")[0] for line in shown[1:4]] == [
        *("web-33333333", "web-22222222 (revoked)", "web-11111111")
    ]
    assert shown[5:] == [
        "web-22222222 was revoked at 2026-11-28 by me@here: loses mail",
        "stack flakeship-statements: cannot be read",
    ]
    plain = releases.plain(Project([DEV], stated, broken))
    assert plain["problem"]["code"] == "x"
    (dev,) = plain["environments"]
    assert [bool(each["revoked"]) for each in dev["releases"]] == [False, True, False]
    assert dev["releases"][1]["revoked"]["by"] == "me@here"
