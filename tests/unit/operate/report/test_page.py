"""The page as text: complete, self-contained, and what a state says in it is data."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.model.statement import Approval, Revocation, Statements
from flakeship.operate.held import held
from flakeship.operate.report import compose, differences, render, write
from flakeship.operate.report.differences import Inside
from flakeship.operate.report.page import Page
from flakeship.state.environments import Environment, Project
from tests.unit.operate.project import (
    DEV,
    NOW,
    ONE,
    PROD,
    STAGING,
    THREE,
    TWO,
    environment,
    evidence,
    record,
    server,
)
from tests.unit.operate.report.html import Parsed

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e'
GONE = Environment("qa", promote_from="dev", problem=FlakeshipError("was destroyed", code="x"))
INSIDE = {(TWO.name, THREE.name): Inside({"packages": [f"curl {n} -> 2" for n in range(50)]})}
STATED = Statements(
    (Revocation(ONE.name, HOSTILE[:-1], "me@here", "2026-11-28 10:00:00+00:00"),),
    (
        Approval(
            TWO.name,
            "servers",
            "prod",
            ("f",),
            "me@here",
            "2026-11-27 10:00:00+00:00",
            "ssh-ed25519 AAAA",
        ),
    ),
)
ALL = [DEV, GONE, STAGING, PROD]


def made(*environments: Environment) -> Page:
    return compose.page("servers", Project(environments, STATED), INSIDE, NOW)


def parsed(*environments: Environment) -> Parsed:
    return Parsed(render.html(made(*environments)))


def hostile() -> Environment:
    """A stack in which everything that may be any text is hostile."""
    release = replace(THREE.release, version=HOSTILE[:60], revision=HOSTILE[:50])
    known = replace(THREE, release=release, checks=(HOSTILE[:40],), origin=HOSTILE[:40])
    proven = replace(
        evidence("web-33333333-abcd", HOSTILE),
        checks=[CheckResult(HOSTILE, passed=False, milliseconds=1, detail=HOSTILE)],
    )
    one = server("web", known, HOSTILE[:-1]) | {"ports": {HOSTILE[:-1]: HOSTILE[:-1]}}
    other = replace(proven, machine=HOSTILE)
    return environment("dev", [known], {"web": one}, [proven, other])


def test_everything_is_on_the_page() -> None:
    found = parsed(*ALL)
    assert found.open == []
    for expected in (
        "Releases of servers",
        "takes its releases from staging",
        "Problem: was destroyed",
        "version 25.3",
        "a761a0c655eb-dirty",
        "2026-11-28 11:30 (30 min before)",
        "43.0 MiB",
        "curl 0 -> 2",
        "and 10 more: flakeship diff web-22222222 web-33333333",
        "+1.0 MiB, to 43.0 MiB",
        "198.51.100.1:80",
        "2001:db8::2",
        "web-22222222-abcd on standby; 3 checks passed; SSH answered after 11.5 s",
        "the same 3",
        "13.0 + 6.5 s",
    ):
        assert expected in found.text, expected
    assert "a-secret" not in found.text


def test_its_structure_is_there_for_those_who_do_not_see_it() -> None:
    found = parsed(*ALL)
    ids = found.all("id")
    assert len(ids) == len(set(ids))
    assert {target.removeprefix("#") for target in found.all("href")} - {"data:,"} <= {*ids}
    referred = " ".join(found.all("aria-labelledby")).split()
    assert referred
    assert {*referred} <= {*ids}
    assert found.names["table"] == found.names["caption"] > 6
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    assert found.names["h1"] == found.names["main"] == 1
    assert found.names["svg"] == found.names["desc"] == 2
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_it_loads_and_runs_nothing() -> None:
    text = render.html(made(*ALL))
    found = Parsed(text)
    assert not found.names.keys() & {"script", "img", "iframe", "object", "form", "base"}
    assert found.all("src") == found.all("style") == []
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [each for each in found.all("content") if each.startswith("default-src 'none'")]
    style = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    assert [render.digest(each) in policy for each in style] == [True]


def test_what_a_state_says_is_text() -> None:
    plain, found = parsed(DEV), parsed(hostile())
    assert not found.names.keys() - plain.names.keys()
    assert "<script>alert(1)</script><img src=x" in found.text
    assert "{{ 7 * 7 }}" in found.text
    assert "49" not in found.text
    assert "\u202e" not in found.text
    assert not [name for name in found.all("id") if "<" in name]
    assert "no time recorded" in found.text
    assert "1 of 1 checks failed" in found.text
    project = compose.page(HOSTILE, Project([hostile()]), {}, NOW)
    assert not Parsed(render.html(project)).names.keys() & {"script", "img"}
    inside = {(TWO.name, THREE.name): Inside({HOSTILE: [HOSTILE]}, HOSTILE)}
    changed = compose.page("p", Project([DEV]), inside, NOW)
    assert not Parsed(render.html(changed)).names.keys() & {"script", "img"}
    problem = FlakeshipError(HOSTILE, code="x", given=HOSTILE, details=[HOSTILE])
    wrong = Environment(HOSTILE, promote_from=HOSTILE, problem=problem)
    assert not parsed(wrong).names.keys() & {"script", "img"}


def test_a_project_without_anything() -> None:
    assert "There is no stack yet" in parsed().text
    found = parsed(GONE)
    assert "No release is verified yet" in found.text
    assert "No stack has a server" in found.text
    assert found.open == []


def test_statements_that_cannot_be_read_are_a_line() -> None:
    broken = FlakeshipError("it is unreadable", code="x", key="stack flakeship-statements")
    page = compose.page("servers", Project([DEV], problem=broken), {}, NOW)
    assert "stack flakeship-statements: it is unreadable" in Parsed(render.html(page)).text


def test_evidence_that_cannot_be_read_is_a_line() -> None:
    broken = environment("dev", [ONE], {"web": server("web", ONE, "a")}, [evidence("m", ONE.at)])
    assert broken.stack
    broken.stack.deployment["resources"][1]["outputs"]["result"] = {"machine": 5}
    (section,) = made(broken).sections
    assert section.machines == []
    assert len(section.problems) == 1
    assert "its request or result in the state cannot be read" in parsed(broken).text


def test_a_server_whose_release_left_no_record() -> None:
    """A run in which others failed has moved it, and the ledger waits for all."""
    moved = record(9, "2026-11-28 11:00:00+00:00")
    found = environment("dev", [ONE], {"web": server("web", moved, "a")}, [])
    assert "web-99999999 not in a ledger" in parsed(found).text


def test_a_clock_that_is_wrong() -> None:
    late = replace(ONE, at=(NOW + timedelta(days=1)).isoformat())
    assert "(in the future)" in parsed(environment("dev", [late], {}, [])).text


def test_the_largest_sizes_and_longest_ledgers() -> None:
    (file,) = ONE.artifact.files
    huge = replace(ONE, artifact=replace(ONE.artifact, files=(replace(file, size=10**30),)))
    many = [record(digit, f"2026-11-{digit:02}") for digit in range(1, 10)] + [huge]
    found = parsed(environment("dev", many, {}, []))
    assert found.open == []
    assert len(differences.pairs(made(environment("dev", many, {}, [])).releases, [])) == 8


def test_a_file_is_written_for_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: servers\n")
    monkeypatch.chdir(tmp_path)
    assert "4 stacks, 3 releases" in write.write(Project(ALL), write.DEFAULT)
    assert write.DEFAULT.stat().st_mode & 0o777 == 0o600
    assert "Releases of servers" in write.DEFAULT.read_text()
    assert [each.name for each in Path(".state").iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name", "code"), [("folder", "report-no-file"), ("/dev/null", "report-no-file")]
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(FlakeshipError) as caught:
        write.write(Project(ALL), Path(name))
    assert (caught.value.code, caught.value.key) == (code, name)


def test_a_directory_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(FlakeshipError) as caught:
        write.write(Project(ALL), Path("file/report.html"))
    assert caught.value.code == "state-unusable"
    assert ".state" not in caught.value.remedy
    assert held(GONE) == []
