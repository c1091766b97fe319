"""Who may log in: another checkout does not lock out the first one's operator."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flakeship.system.process import run
from tests.engine.conftest import FakeStack
from tests.engine.test_promotion import after

OWN = ".state/id_ed25519"


def fingerprint(file: Path) -> str:
    return run(["ssh-keygen", "-l", "-f", file]).stdout.split()[1]


def used(stack: FakeStack) -> list[dict[str, str]]:
    """The keys of the release that runs."""
    found = stack.outputs()["releases"]
    (release,) = [
        each["release"] for each in found if each["release"]["out"][11:19] in stack.running()
    ]
    keys: list[dict[str, str]] = release["keys"]
    return keys


def new_key(file: Path, comment: str) -> str:
    """Make a key; the public one."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file])
    return file.with_suffix(".pub").read_text().strip()


def authorize(stack: FakeStack, *keys: str) -> None:
    stack.pulumi("config", "rm", "--path", "flakeship:authorizedKeys", check=False)
    for number, key in enumerate(keys):
        stack.config(f"authorizedKeys[{number}]", key)


@pytest.fixture
def other(stack: FakeStack, tmp_path: Path) -> FakeStack:
    """Another checkout, after the first one has deployed."""
    stack.up()
    return stack.second(tmp_path / "other")


def test_another_checkout_without_the_key_is_refused_before_anything_is_evaluated(
    stack: FakeStack, other: FakeStack
) -> None:
    before, ours = stack.outputs(), fingerprint(stack.path / OWN)
    assert used(stack) == [{"fingerprint": ours, "comment": "flakeship"}]
    (other.flake / "flake.nix").write_text("this does not evaluate")
    for words in (["preview"], ["up", "--yes", "--skip-preview"]):
        done = other.pulumi(*words, check=False)
        said = done.stdout + done.stderr
        assert done.code != 0
        assert "stack test: this checkout has none of the keys" in said
        assert f"in use: {ours} (flakeship)" in said
        assert "here: none" in said
        assert OWN in said
        assert "does not evaluate" not in said
    compared = other.flakeship("diff")
    assert (compared.code, ours in compared.stderr) == (1, True)
    assert not (other.path / OWN).exists()
    assert not (other.path / ".state/test/access").exists()
    assert stack.outputs() == before
    assert other.cloud() == stack.cloud()


def test_with_the_copied_key_another_checkout_changes_nothing(
    stack: FakeStack, other: FakeStack
) -> None:
    for name in (OWN, f"{OWN}.pub"):
        shutil.copy(stack.path / name, other.path / name)
    other.preview("--expect-no-changes")


def test_a_checkout_with_a_key_of_its_own_keeps_it_and_is_refused(
    stack: FakeStack, other: FakeStack
) -> None:
    new_key(other.path / OWN, "of another checkout")
    theirs = fingerprint(other.path / OWN)
    said = other.preview(check=False)
    assert "stack test: this checkout has none of the keys" in said
    assert f"in use: {fingerprint(stack.path / OWN)}" in said
    assert f"here: {theirs} (of another checkout)" in said
    assert fingerprint(other.path / OWN) == theirs


def test_keys_are_rotated_in_two_steps_and_replaced_only_on_purpose(
    stack: FakeStack, tmp_path: Path
) -> None:
    stack.up()
    first = (stack.path / f"{OWN}.pub").read_text().strip()
    second = new_key(tmp_path / "second", "second@example.org")
    third = new_key(tmp_path / "third", "third@example.org")
    stack.config("identity", str(tmp_path / "second"))

    authorize(stack, second)
    assert "flakeship:authorizedKeys has none of the keys" in stack.preview(check=False)
    for keys in ([first, second], [second]):
        authorize(stack, *keys)
        stack.up()
        assert len(used(stack)) == len(keys)
    assert used(stack)[0]["comment"] == "second@example.org"

    authorize(stack, third)
    stack.config("identity", str(tmp_path / "third"))
    assert "flakeship:authorizedKeys has none of the keys" in stack.preview(check=False)
    stack.config("replaceKeys[0]", fingerprint(tmp_path / "second"))
    stack.up()
    assert [each["comment"] for each in used(stack)] == ["third@example.org"]
    stack.preview("--expect-no-changes")


def test_an_identity_that_no_image_lets_in_is_refused(stack: FakeStack, tmp_path: Path) -> None:
    stack.up()
    first = (stack.path / f"{OWN}.pub").read_text().strip()
    new_key(tmp_path / "second", "second@example.org")
    stack.config("identity", str(tmp_path / "second"))
    authorize(stack, first)
    said = stack.preview(check=False)
    assert "flakeship:identity" in said
    assert f"here: {fingerprint(tmp_path / 'second')}" in said
    assert f"authorized: {fingerprint(stack.path / OWN)}" in said


def test_a_chosen_release_that_nobody_here_can_log_in_to_is_refused(
    stack: FakeStack, other: FakeStack
) -> None:
    stack.config("release", stack.running())
    stack.preview("--expect-no-changes")
    other.config("release", stack.running())
    said = other.preview(check=False)
    assert f"{OWN}: cannot log in to the release {stack.running()}" in said
    assert "here: none" in said
    assert not (other.path / OWN).exists()


def test_the_keys_are_listed(stack: FakeStack, other: FakeStack) -> None:
    ours, release = fingerprint(stack.path / OWN), stack.running()
    for checkout, here in ((stack, [OWN]), (other, [])):
        (listed,) = json.loads(checkout.flakeship("keys", "--json").stdout)
        assert (listed["release"], listed["running"]) == (release, ["web"])
        assert listed["keys"] == [{"fingerprint": ours, "comment": "flakeship", "here": here}]
        shown = checkout.flakeship("keys").stdout
        assert ours in shown
        assert (OWN in shown) is bool(here)


def test_a_promotion_to_a_stack_with_other_keys_is_refused(
    stack: FakeStack, tmp_path: Path
) -> None:
    staging = after(stack, "staging", "test")
    stack.up()
    staging.up()
    ours, running = fingerprint(stack.path / OWN), staging.running()
    authorize(stack, new_key(tmp_path / "second", "second@example.org"))
    stack.config("identity", str(tmp_path / "second"))
    stack.config("replaceKeys[0]", ours)
    stack.up()
    staging.config("identity", str(tmp_path / "second"))
    said = staging.preview(check=False)
    assert f"stack staging: {stack.running()} has none of the keys" in said
    assert f"in use: {ours}" in said
    assert "(second@example.org)" in said
    assert staging.running() == running
    staging.config("replaceKeys[0]", ours)
    staging.unset("identity")
    assert f"{OWN}: cannot log in to the release {stack.running()}" in staging.preview(check=False)
    staging.config("identity", str(tmp_path / "second"))
    staging.up()
    assert staging.running() == stack.running()
