"""Which names a stack may have, and whose backend a shell was prepared for."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.state import choice


@pytest.mark.parametrize(
    ("stack", "own"),
    [
        ("dev", "dev"),
        ("prod-2", "prod-2"),
        ("_a.b", "_a.b"),
        ("org/prod", "prod"),
        ("org/flakeship/prod", "prod"),
        ("x" * 100, "x" * 100),
    ],
)
def test_the_names_of_stacks(stack: str, own: str) -> None:
    assert choice.own_name(stack) == own


@pytest.mark.parametrize(
    "stack",
    [
        *("", ".", "..", "../x", "x/..", "a//b", "a/b/c/d", "/", "-x", "--help", ".hidden"),
        *("a b", "x'; touch pwned; '", "$(id)", "a\nb", "ü", "x" * 101, "٣"),
        *sorted(choice.RESERVED),
        "org/flakeship/passphrase",
    ],
)
def test_what_is_no_name_of_a_stack(stack: str) -> None:
    with pytest.raises(FlakeshipError) as refused:
        choice.own_name(stack)
    assert (refused.value.code, refused.value.key) == ("stack-name-invalid", "stack")
    assert refused.value.allowed


def checkout(path: Path, project: str = "flakeship") -> Path:
    path.mkdir(parents=True)
    (path / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
    return path


def backend(path: Path) -> dict[str, str]:
    return {"PULUMI_BACKEND_URL": (path / ".state/backend").as_uri()}


def test_the_stacks_of_another_checkout_are_not_acted_on(tmp_path: Path) -> None:
    own, other = checkout(tmp_path / "own"), checkout(tmp_path / "ü x%20#1?")
    choice.refuse_other_checkout({}, own)
    choice.refuse_other_checkout(backend(own), own)
    with pytest.raises(FlakeshipError) as refused:
        choice.refuse_other_checkout(backend(other), own)
    assert refused.value.code == "other-checkout"
    assert str(other) in refused.value.what
    assert "make env" in refused.value.remedy


def test_a_backend_of_the_users_is_taken_as_it_is(tmp_path: Path) -> None:
    own = checkout(tmp_path / "own")
    for url in ("s3://bucket", "https://x/.state/backend", f"file://{tmp_path}/backend"):
        choice.refuse_other_checkout({"PULUMI_BACKEND_URL": url}, own)


def test_another_project_may_have_its_stacks_there(tmp_path: Path) -> None:
    own, other = checkout(tmp_path / "own", "servers"), checkout(tmp_path / "other")
    choice.refuse_other_checkout(backend(other), own)


def test_a_link_to_a_checkout_is_that_checkout(tmp_path: Path) -> None:
    own = checkout(tmp_path / "own")
    (tmp_path / "link").symlink_to(own)
    choice.refuse_other_checkout(backend(tmp_path / "link"), own)
