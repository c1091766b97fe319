"""The stacks of one project side by side: their ledgers, and the page about them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.engine.conftest import FakeStack
from tests.unit.operate.report.html import Parsed

EMPTY = ("new", "gone", "broken")


def settings(stack: FakeStack, name: str) -> None:
    """A stack with the settings of the first one."""
    stack.pulumi("stack", "init", "--no-select", name)
    added = (stack.path / "Pulumi.test.yaml").read_text().partition("config:\n")[2]
    with (stack.path / f"Pulumi.{name}.yaml").open("a") as file:
        file.write(f"config:\n{added}")


def releases(stack: FakeStack) -> dict[str, dict[str, Any]]:
    done = stack.flakeship("releases", "--json")
    assert done.code == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["environments"]}


def test_the_life_of_two_stacks(stack: FakeStack, tmp_path: Path) -> None:
    for name in ("prod", *EMPTY):
        settings(stack, name)
    stack.up()
    stack.up("--stack", "prod")
    stack.up("--stack", "gone")
    stack.pulumi("destroy", "--yes", "--skip-preview", "--stack", "gone")
    stack.write("two")
    stack.up()
    state = json.loads(stack.pulumi("stack", "export", "--stack", "prod").stdout)
    state["deployment"]["resources"][0]["outputs"]["flakeship"]["schema"] = 99
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps(state).replace("urn:pulumi:prod::", "urn:pulumi:broken::"))
    stack.pulumi("stack", "import", "--stack", "broken", "--file", str(newer))

    found = releases(stack)
    assert {name: (each["problem"] or {}).get("code") for name, each in found.items()} == {
        "test": None,
        "prod": None,
        "new": "stack-never-deployed",
        "gone": "stack-destroyed",
        "broken": "outputs-newer",
    }
    new, old = found["test"]["releases"]
    assert (new["place"], new["servers"], old["place"]) == ("live", ["web"], "standby")
    (standby,) = old["standbyMachines"]
    assert standby.startswith("web-")
    assert new["verifiedAt"] > old["verifiedAt"]
    assert "greeting" in new["checks"]
    assert len(new["revision"]) == 40
    (live,) = found["prod"]["releases"]
    assert (live["name"], live["place"]) == (old["name"], "live")

    shown = stack.flakeship("releases").stdout
    header, *rows = shown.splitlines()
    assert header.split() == ["release", "revision", "prod", "test"]
    assert [row.split()[0] for row in rows[:2]] == [new["name"], old["name"]]
    assert all(f"stack {name}: " in shown for name in EMPTY)

    # where the user is, and not where the project is
    page = page_of(stack, tmp_path / "flake")
    assert page.open == []
    assert {*page.all("href")} >= {f"#release-{each['name']}" for each in (new, old)}
    assert f"{old['name']} → {new['name']}" in page.text
    assert "was destroyed on 20" in page.text
    assert f"{standby} on standby" in page.text
    assert "✓" in page.text


def page_of(stack: FakeStack, folder: Path) -> Parsed:
    """The page, written from a folder of the project."""
    done = stack.flakeship("report", "--output", "pages/report.html", cwd=folder)
    assert done.code == 0, done.stderr
    file = folder / "pages/report.html"
    assert str(file) in done.stdout
    text = file.read_text()
    shutil.rmtree(file.parent)
    return Parsed(text)
