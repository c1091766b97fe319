"""The policy pack with the real engine: our stack passes, and what somebody adds is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from flakeship.system.process import Result
from tests.engine.conftest import FakeStack
from tests.planted import RULE, program, ssh_from
from tests.project import ROOT

PACK = ("--policy-pack", "policy")


def level(name: str) -> tuple[str, ...]:
    return (*PACK, "--policy-pack-config", f"policy/{name}.json")


def plant(stack: FakeStack, kind: str, props: dict[str, object]) -> None:
    """Add a resource to the program, as a user does beside ours."""
    main = stack.path / "__main__.py"
    main.unlink(missing_ok=True)
    main.write_text(program(kind, props))


def change(stack: FakeStack, old: str, new: str) -> None:
    """Change the component of the target, in a copy."""
    components = stack.path / "components"
    components.unlink()
    shutil.copytree(ROOT / "components", components, ignore=shutil.ignore_patterns("__pycache__"))
    graph = components / "fake/graph.py"
    assert old in graph.read_text()
    graph.write_text(graph.read_text().replace(old, new))


def violations(done: Result) -> dict[str, str]:
    """What a run says of each violation: the level by the policy and the name of the resource."""
    shown = re.findall(r"- \[(\w+)\]\s+([\w-]+)\s+\(\S+: (\S+)\)", done.stdout)
    return {f"{policy} {name}": level for level, policy, name in shown}


def test_a_stack_of_ours_passes(stack: FakeStack) -> None:
    for words in (PACK, level("dev"), level("prod")):
        done = stack.pulumi("preview", *words)
        assert "flakeship" in done.stdout.partition("Policies:")[2], done.stdout
        assert violations(done) == {}
    stack.up(*level("prod"))
    assert violations(stack.pulumi("preview", "--expect-no-changes", *PACK)) == {}


def test_what_somebody_adds_is_refused_where_it_is_mandatory(stack: FakeStack) -> None:
    plant(stack, RULE, ssh_from("0.0.0.0/0"))
    found = "no-public-admin-ports extra"
    for words in (PACK, level("prod")):
        done = stack.pulumi("preview", *words, check=False)
        assert done.code != 0
        assert violations(done) == {found: "mandatory"}
        assert "extra opens 22 to 0.0.0.0/0" in done.stdout
    assert violations(stack.pulumi("preview", *level("dev"))) == {found: "advisory"}
    # the preview of an update refuses it, so nothing is made
    refused = stack.pulumi("up", "--yes", *level("prod"), check=False)
    assert refused.code != 0
    assert not stack.file.exists()

    plant(stack, RULE, ssh_from("198.51.100.0/24"))
    assert violations(stack.pulumi("preview", *level("prod"))) == {}


def test_a_policy_has_settings_of_its_own(stack: FakeStack) -> None:
    plant(stack, RULE, ssh_from("::/0"))
    own = stack.path / "own.json"
    for ports, refused in ((["80"], False), (["20-25"], True)):
        own.write_text(json.dumps({"no-public-admin-ports": {"ports": ports}}))
        words = (*PACK, "--policy-pack-config", str(own))
        assert (stack.pulumi("preview", *words, check=False).code != 0) == refused
    own.write_text(json.dumps({"no-public-admin-ports": {"ports": "22"}}))
    wrong = stack.pulumi("preview", *PACK, "--policy-pack-config", str(own), check=False)
    assert wrong.code != 0
    assert "no-public-admin-ports: ports: Invalid type" in wrong.stdout + wrong.stderr


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "pulumi.ResourceOptions(depends_on=[server.verification])",
            "None",
            "no-unverified-cutover web",
        ),
        ("codec.plain(owner)", "{}", "ownership-tags tiny-"),
    ],
)
def test_a_component_that_is_changed_is_refused(
    stack: FakeStack, old: str, new: str, found: str
) -> None:
    change(stack, old, new)
    done = stack.pulumi("preview", *PACK, check=False)
    assert done.code != 0
    (said,) = violations(done)
    assert said.startswith(found)


def test_what_only_an_update_knows_is_refused_before_it_is_made(stack: FakeStack) -> None:
    loose = 'image.artifact.apply(lambda it: {**codec.plain(it), "files": []})'
    change(stack, "image.artifact.apply(codec.plain)", loose)
    assert violations(stack.pulumi("preview", *PACK)) == {}
    done = stack.pulumi("up", "--yes", *PACK, check=False)
    assert done.code != 0
    (said,) = violations(done)
    assert said.startswith("image-sha512 tiny-")
    assert not stack.file.exists()  # no image, and so no machine of it


def test_the_files_of_levels_name_policies_that_exist() -> None:
    from policy.pack import RULES  # noqa: PLC0415 - it imports Pulumi

    for file in Path(ROOT / "policy").glob("*.json"):
        assert json.loads(file.read_text()).keys() <= {"all", *(rule.name for rule in RULES)}
