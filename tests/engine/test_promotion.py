"""Stacks that take each other's verified releases: the real engine, real bytes, target fake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flakeship.state import statements
from flakeship.system.process import run
from tests.engine.conftest import FakeStack


@pytest.fixture
def staging(stack: FakeStack) -> FakeStack:
    """A stack that takes what `stack` (test) has verified; the flake is out of its reach."""
    return after(stack, "staging", "test")


SERVER = {"name": "web", "ports": [{"port": 80}], "checks": [{"name": "page", "http": 80}]}


def after(before: FakeStack, name: str, upstream: str) -> FakeStack:
    """A stack that takes what another one has verified."""
    settings = {"host": "tiny", "target": "fake", "servers": [SERVER], "promoteFrom": upstream}
    return before.beside(name, settings)


def refused(stack: FakeStack) -> str:
    """What a preview says that must not succeed, and no more does an update: nothing changes."""
    before = stack.outputs()
    done = stack.pulumi("preview", check=False)
    assert done.code != 0
    assert stack.pulumi("up", "--yes", "--skip-preview", check=False).code != 0
    assert stack.outputs() == before
    return done.stdout + done.stderr


def test_the_same_bytes_go_from_stack_to_stack(stack: FakeStack, staging: FakeStack) -> None:
    prod = after(stack, "prod", "staging")
    assert "has no verified release" in refused(staging)
    stack.up()
    # nothing is evaluated: there is no flake any more
    stack.flake.rename(stack.flake.with_name("gone"))
    assert f"{stack.running()} is promoted from the stack test" in staging.preview()
    staging.up()
    prod.up()
    (first,), (second,), (third,) = (each.outputs()["releases"] for each in (stack, staging, prod))
    assert first["artifact"] == second["artifact"] == third["artifact"]
    assert [each["origin"] for each in (first, second, third)] == ["", "test", "staging"]
    assert second["checks"] == ["boot", "page", "port-22", "port-80"]
    staging.preview("--expect-no-changes")
    prod.preview("--expect-no-changes")
    # what an organization asks for beside what the stack's own settings say
    asked = staging.path / "asked.json"
    gate = {"required": True, "soak": 3600, "from": ["test"]}
    asked.write_text(json.dumps({"promotion-gate": gate}))
    stack.flake.with_name("gone").rename(stack.flake)
    policies = ("preview", "--policy-pack", "policy", "--policy-pack-config", "asked.json")
    for each, name in ((staging, "test"), (stack, stack.running())):
        done = each.pulumi(*policies, check=False)
        assert done.code != 0
        assert re.search(rf"\[mandatory\] +promotion-gate +\(\S+: {name}\)", done.stdout)
    staging.config("gate.soak", "1h")
    assert "promotion-gate" not in staging.pulumi(*policies).stdout
    # who edits the settings cannot name a key of his own, nor another stack
    listed = run(["ssh-keygen", "-l", "-f", staging.path / ".state/id_ed25519.pub"]).stdout
    print_of_own = listed.split()[1]
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", staging.path / "other"])
    for people in ("approvers", "signers"):
        asked.write_text(json.dumps({"promotion-gate": {**gate, people: [print_of_own]}}))
        for number, key in enumerate((".state/id_ed25519.pub", "other.pub")):
            assert violates(staging, *policies) == (number == 0)
            staging.config(f"gate.{people}[{number}]", key)
        assert violates(staging, *policies)
        staging.unset(f"gate.{people}")
    asked.write_text(json.dumps({"promotion-gate": {**gate, "from": ["prod"]}}))
    assert violates(staging, *policies)


def violates(stack: FakeStack, *policies: str) -> bool:
    done = stack.pulumi(*policies, check=False)
    found = "[mandatory]  promotion-gate" in done.stdout
    assert (done.code != 0) == found, done.stdout + done.stderr
    return found


def test_a_gate_refuses_until_each_of_its_rules_is_met(
    stack: FakeStack, staging: FakeStack
) -> None:
    stack.up()
    key = staging.path / ".state/id_ed25519"
    staging.config("gate.soak", "1h")
    staging.config("gate.checks[0]", "backup")
    staging.config("gate.approvers[0]", key.with_suffix(".pub").read_text().strip())
    said = refused(staging)
    assert [f"gate.{rule}: " in said for rule in ("soak", "checks", "approvers")] == [True] * 3
    staging.config("gate.soak", "0")
    staging.config("gate.checks[0]", "port-80")
    said = refused(staging)
    assert [f"gate.{rule}: " in said for rule in ("soak", "checks", "approvers")] == [0, 0, 1]

    assert "is not in the ledger" in staging.flakeship("approve", "tiny-00000000").stderr
    other = staging.path / "other"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other])
    no = staging.flakeship("approve", stack.running(), "--key", "other")
    assert (no.code, no.stderr.partition(":")[0]) == (1, str(other))
    approved = staging.flakeship("approve", stack.running())
    assert (approved.code, approved.stderr) == (0, "")
    staging.up()
    assert staging.running() == stack.running()
    # what runs is not asked again: it went through the gate
    staging.config("gate.soak", "1h")
    assert re.findall(r"^ [~+-]+ .*", staging.preview(), re.MULTILINE) == [
        " ~  flakeship:index:Promotion test update [diff: ~soak]"
    ]
    # an approval is for one release
    stack.write("two")
    stack.up()
    staging.config("gate.soak", "0")
    assert "gate.approvers: " in refused(staging)
    assert staging.running() != stack.running()


def test_a_revoked_release_is_taken_no_more(stack: FakeStack, staging: FakeStack) -> None:
    stack.up()
    staging.up()
    first = stack.running()
    stack.write("two")
    stack.up()
    second = stack.running()
    revoked = stack.flakeship("revoke", second, "--why", "loses mail")
    assert (revoked.code, revoked.stderr) == (0, "")
    assert "loses mail" in refused(staging)
    # the one that runs it says so, and goes on
    assert f"warning: {second} was revoked" in stack.preview("--expect-no-changes")
    stack.config("release", first)
    stack.up()
    assert (stack.running(), staging.running()) == (first, first)
    stack.unset("release")
    assert "loses mail" in refused(stack)
    # nobody's statement is lost where two are made one after the other
    assert stack.flakeship("revoke", first, "--why", "worse").code == 0
    kept = json.loads(stack.pulumi("stack", "output", "--json", "-s", statements.STACK).stdout)
    assert [each["release"] for each in kept["revocations"]] == [second, first]


def test_what_is_older_than_what_runs_is_a_rollback_on_purpose(
    stack: FakeStack, staging: FakeStack
) -> None:
    stack.up()
    first = stack.running()
    stack.write("two")
    stack.up()
    staging.up()
    second = staging.running()
    stack.config("release", first)
    stack.up()
    said = refused(staging)
    assert f"{first}, which is older than {second}" in said
    before = staging.outputs()
    unknown = staging.flakeship("rollback", "--to", "tiny-00000000", "--yes")
    assert (unknown.code, first in unknown.stderr) == (1, False)
    assert staging.outputs() == before
    staging.config("release", first)
    staging.up()
    assert (staging.running(), staging.ledger()) == (first, ["one", "two"])
    # back to what was verified here before, by the command; nobody answers it here
    settings = (staging.path / "Pulumi.staging.yaml").read_text()
    assert staging.flakeship("rollback").code not in {0, None}
    assert (staging.path / "Pulumi.staging.yaml").read_text() == settings
    assert staging.flakeship("rollback", "--yes").code == 0
    assert staging.running() == second
    assert staging.flakeship("rollback", "--yes").code == 1  # there is none before
    assert staging.flakeship("rollback", "--to", first, "--yes").code == 0
    assert staging.running() == first


def test_a_chain_that_leads_nowhere(stack: FakeStack, staging: FakeStack) -> None:
    prod = after(stack, "prod", "nowhere")
    assert "there is no such stack" in refused(prod)
    stack.up()
    staging.up()
    prod.config("promoteFrom", "staging")
    prod.up()
    stack.unset("flake")
    stack.config("promoteFrom", "prod")
    assert "promote from each other" in refused(stack)
    stack.config("promoteFrom", "test")
    assert "promote from each other" in refused(stack)
    staging.pulumi("destroy", "--yes", "--skip-preview")
    prod.config("servers[0].checks[0].name", "other")
    assert "has no verified release" in refused(prod)


def test_a_flipped_byte_is_found_before_anything_boots(
    stack: FakeStack, staging: FakeStack
) -> None:
    stack.up()
    # as if the file had changed: the ledger of the stack before has another hash
    state = json.loads(stack.pulumi("stack", "export").stdout)
    text = json.dumps(state)
    (record,) = stack.outputs()["releases"]
    known = record["artifact"]["files"][0]["sha512"]
    flipped = known[:-1] + ("0" if known[-1] != "0" else "1")
    stack.pulumi("stack", "import", "--file", str(saved(stack, text.replace(known, flipped))))
    done = staging.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.code != 0
    assert "is not the file that was verified" in done.stdout
    assert not (staging.path / ".state/staging/fake.json").exists()
    assert "running" not in staging.outputs()


def saved(stack: FakeStack, text: str) -> Path:
    file = stack.path / "state.json"
    file.write_text(text)
    return file
