"""The ledger over good and failing releases, roll-back, retention, and runs that change nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.conftest import Tiny


def test_first_up_then_nothing(project: Tiny) -> None:
    said = project.preview()
    assert "image-tiny-" in said
    assert project.log() == []
    project.up()
    done = [line.split()[0] for line in project.log()]
    assert done == ["build", "start", "verify", "cutover"]
    assert project.ledger() == ["one"]
    outputs = project.outputs()
    assert project.running() == outputs["servers"]["web"]["machine"].replace("web", "tiny")[:-5]
    project.preview("--expect-no-changes")
    project.up("--expect-no-changes")
    assert project.log() == []


def test_a_new_commit_alone_changes_nothing(project: Tiny) -> None:
    project.up()
    (project.path / "flake/README").write_text("more")
    project.write("one")
    project.up("--expect-no-changes")
    (project.path / "flake/untracked").write_text("new")
    (project.path / "flake/README").write_text("most")
    said = project.preview("--expect-no-changes")
    assert "ignores files that git does not track: untracked" in said
    assert "uncommitted changes (README)" in said


def test_a_new_release_takes_over_before_the_old_one_goes(project: Tiny) -> None:
    project.up()
    project.log()
    project.write("two")
    project.up()
    done = project.log()
    assert [line.split()[0] for line in done] == ["build", "start", "verify", "cutover", "stop"]
    assert done[1].split()[1] == done[3].split()[1] != done[4].split()[1]
    assert project.ledger() == ["two", "one"]
    assert project.images() == ["one", "two"]


def test_failing_releases_lose_nothing(project: Tiny) -> None:
    project.up()
    before = project.outputs()
    project.fail("verify")
    for text in ("bad1", "bad2", "bad3"):
        project.write(text)
        project.log()
        said = project.up(check=False)
        assert "1 of 9 checks failed" in said
        assert "✗ system: degraded" in said
        assert not [
            line for line in project.log() if line.startswith(("stop", "cutover", "forget"))
        ]
        assert project.outputs() == before
    project.mend("verify")
    project.write("two")
    said = project.preview()
    assert said.count("image-tiny-") >= 4  # the new one is made and the three that failed go
    project.up()
    assert project.ledger() == ["two", "one"]
    assert project.images() == ["one", "two"]


def test_a_failed_verification_runs_again(project: Tiny) -> None:
    project.fail("verify")
    project.up(check=False)
    assert "releases" not in project.outputs()
    project.mend("verify")
    project.log()
    project.up()
    assert [line.split()[0] for line in project.log()] == ["verify", "cutover"]


def test_retention_and_roll_back(project: Tiny) -> None:
    project.config("retainReleases", "2")
    for text in ("one", "two", "three"):
        project.write(text)
        project.up()
    assert project.ledger() == ["three", "two"]
    assert project.images() == ["three", "two"]
    two = project.outputs()["releases"][1]["release"]
    name = f"tiny-{Path(two['out']).name[:8]}"

    (project.path / "flake/flake.nix").write_text("this does not evaluate")
    project.config("release", name)
    project.up()
    assert project.running() == name
    assert project.ledger() == ["three", "two"]
    project.preview("--expect-no-changes")

    project.config("retainReleases", "1")
    project.up()
    assert project.ledger() == ["three", "two"]  # the chosen one does not count against keep

    project.config("release", "tiny-zzzzzzzz")
    said = project.preview(check=False)
    assert "tiny-zzzzzzzz is not in the ledger; allowed: tiny-" in said
    assert name in said


def test_another_derivation_of_the_same_output_changes_nothing(project: Tiny) -> None:
    flake = project.path / "flake/flake.nix"
    fixed = 'outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = "HASH";'
    # The sha256 of "one\n".
    known = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    text = flake.read_text()
    flake.write_text(
        text.replace("inherit toplevel;", "inherit toplevel;" + fixed.replace("HASH", known))
    )
    project.write("one")
    project.up()
    before = project.outputs()["releases"][0]["release"]
    script = project.path / "flake/build.sh"
    script.write_text(script.read_text() + "# another way to the same bytes\n")
    project.write("one")
    project.log()
    project.up("--expect-no-changes")
    assert project.log() == []
    assert project.outputs()["releases"][0]["release"] == before


def test_a_failing_build_says_why(project: Tiny) -> None:
    project.up()
    before = project.outputs()
    script = project.path / "flake/build.sh"
    script.write_text("echo the disk is made of cheese; exit 1\n")
    project.write("two")
    said = project.up(check=False)
    assert "the disk is made of cheese" in said
    assert "nix log /nix/store/" in said
    assert project.outputs() == before


def test_one_of_two_servers_fails(project: Tiny) -> None:
    project.config("servers[0].name", "a")
    project.config("servers[1].name", "b")
    project.up()
    before = project.outputs()
    project.write("two")
    project.fail("verify", '"machine": "b-')
    project.log()
    said = project.up(check=False)
    done = project.log()
    assert "b-" in said
    assert "1 of 9 checks failed" in said
    assert [line for line in done if line.startswith("cutover b-")] == []
    assert [line for line in done if line.startswith(("stop", "forget"))] == []
    assert project.outputs() == before
    project.mend("verify")
    project.up()
    assert project.ledger() == ["two", "one"]


def test_destroy_undoes_in_order(project: Tiny) -> None:
    project.config("servers[0].name", "web")
    project.config("servers[0].dataDisks.pg", "1G")
    project.up()
    project.log()
    project.pulumi("destroy", "--yes", "--skip-preview")
    verbs = [line.split()[0] for line in project.log()]
    assert verbs.index("cutover-remove") < verbs.index("stop") < verbs.index("forget")
    assert verbs.index("stop") < verbs.index("disk-delete")
    assert not list((project.path / ".state/test/roots").iterdir())


def test_a_run_of_some_targets_keeps_the_ledger(project: Tiny) -> None:
    project.up()
    before = project.outputs()
    project.write("two")
    project.up("--target", "**NixImage**")
    assert project.outputs() == before
    project.up()
    assert project.ledger() == ["two", "one"]


def test_a_failing_server_stops_itself_alone(project: Tiny) -> None:
    """The others get their cut-over, nobody's machine is stopped, and the ledger waits for all."""
    project.write("one")
    project.config("servers[0].name", "web")
    project.config("servers[1].name", "api")
    project.up()
    before = project.outputs()
    project.log()
    project.write("two")
    project.fail("verify", "api-")
    said = project.up("--continue-on-error", check=False)
    assert "1 of 9 checks failed" in said
    log = [line.rpartition("-")[0] for line in project.log()]
    assert {line.rpartition("-")[0] for line in log if "cutover" in line} == {"cutover web"}
    assert not [line for line in log if line.startswith("stop")]
    assert project.outputs() == before
    project.mend("verify")
    project.up()
    assert project.ledger() == ["two", "one"]
    project.preview("--expect-no-changes")


def test_every_host_has_releases_of_its_own(project: Tiny) -> None:
    """A new release of one host leaves the other host's server and ledger as they were."""
    project.write("one")
    project.config("servers[0].name", "web")
    project.config("servers[1].name", "side")
    project.config("servers[1].host", "other")
    project.up()
    assert project.ledger() == ["one", "other"]
    first = project.outputs()
    assert set(first["running"]) == {"tiny", "other"}
    assert [line.split()[0] for line in project.log()].count("start") == 2
    project.write("two")
    project.up()
    second = project.outputs()
    assert project.ledger() == ["two", "one", "other"]
    assert second["servers"]["side"] == first["servers"]["side"]
    assert second["servers"]["web"] != first["servers"]["web"]
    # back with one host by name: the other one is evaluated as ever
    project.config("release", first["running"]["tiny"])
    project.up()
    assert project.outputs()["running"] == first["running"]
    assert project.ledger() == ["two", "one", "other"]
    project.preview("--expect-no-changes")


def test_a_secret_that_a_newer_version_has_put_there_stays_one(project: Tiny) -> None:
    project.up()
    state = json.loads(project.pulumi("stack", "export", "--show-secrets").stdout)
    (stack,) = (r for r in state["deployment"]["resources"] if r["type"] == "pulumi:pulumi:Stack")
    signed = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    stack["outputs"]["vault"] = signed | {"plaintext": json.dumps("hunter2")}
    (project.path / "state.json").write_text(json.dumps(state))
    project.pulumi("stack", "import", "--file", str(project.path / "state.json"))

    def kept() -> None:
        assert "hunter2" not in project.pulumi("stack", "export").stdout
        shown = project.pulumi("stack", "output", "--json", "--show-secrets").stdout
        assert json.loads(shown)["vault"] == "hunter2"

    project.write("two")
    project.up()
    kept()
    project.fail("verify")
    project.write("three")
    project.up("--continue-on-error", check=False)
    kept()
