"""`flakeship export`: an image in another format than the stack's, by Nix alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import Result
from tests.engine.conftest import FakeStack

ZSTD = b"\x28\xb5\x2f\xfd"
SEVERAL = """
      flakeship.many.raw = make "raw" "raw" "many" "one";
      flakeship.many.tiny-vma = make "tiny-vma" "vma.zst" "many" "two";
      flakeship.many.first = make "first" "qcow2" "many" "three";
      flakeship.many.second = make "second" "qcow2" "many" "four";
      flakeship.many.broken = throw "no such image";
      flakeship.wrong.tiny-vma = make "tiny-vma" "vma.zst" "wrong" "five";
"""


@pytest.fixture
def exporting(stack: FakeStack) -> FakeStack:
    """A flake in which the host `many` has variants of each kind, and `wrong` one that is none."""
    for old, new in {
        "release =\n        host: text:": "make =\n        variant: format: host: text:",
        'variant = "qemu";': "inherit variant;",
        'format = "raw";': "inherit format;",
        'name = "image-${host}";': 'name = "image-${host}"; inherit format host;',
        "    in\n    {\n": f'      release = make "qemu" "raw";\n    in\n    {{\n{SEVERAL}',
    }.items():
        stack.edit(old, new, "flake.nix")
    script = 'case "$format.$host" in vma.zst.many) printf "\\050\\265\\057\\375" >"$out" ;; esac\n'
    stack.edit('echo "$line" > "$out"', f'{script}echo "$line" >> "$out"', "build.sh")
    return stack


def exported(stack: FakeStack, *words: str) -> dict[str, Any]:
    done = stack.flakeship("export", *words, "--json")
    assert done.code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(done: Result) -> str:
    assert done.code == 1, done.stdout
    assert done.stdout == ""
    return done.stderr


def test_the_variant_that_has_the_format_in_its_name(exporting: FakeStack) -> None:
    """It is in the store, and kept there until a sweep; and it is no part of the stack."""
    found = exported(exporting, "many", "--format", "vma")
    assert (found["variant"], found["format"]) == ("tiny-vma", "vma.zst")
    (file,) = found["files"]
    content = Path(file["path"]).read_bytes()
    assert content == ZSTD + b"two\n"
    assert (file["size"], file["sha512"]) == (len(content), hashlib.sha512(content).hexdigest())
    root = exporting.path / f".state/test/roots/export-{found['release']}"
    assert str(root.readlink()) == file["path"]
    assert exporting.state().get("resources", []) == []
    exporting.flakeship("sweep")
    assert not root.is_symlink()


def test_a_copy_has_the_name_that_a_restore_needs(exporting: FakeStack) -> None:
    folder = exporting.path / "below"
    folder.mkdir()
    done = exporting.flakeship("export", "many", "--format", "vma", "--to", "below")
    assert done.code == 0, done.stderr
    (copy,) = folder.iterdir()
    assert copy.name.startswith("vzdump-qemu-many-")
    assert copy.name.endswith(".vma.zst")
    assert copy.read_bytes() == ZSTD + b"two\n"
    assert f"{copy}, 0.0 MiB" in done.stdout
    assert not [*(exporting.path / ".state/test").glob("roots/export-*")]


def test_without_a_host_it_is_the_stacks_own(exporting: FakeStack) -> None:
    """Its one raw variant has not the format in its name."""
    assert exported(exporting, "--format", "raw")["variant"] == "qemu"


def test_a_format_that_no_variant_has_is_told_with_those_there_are(exporting: FakeStack) -> None:
    said = refused(exporting.flakeship("export", "--format", "vma"))
    assert "--format: the host tiny has no variant of this format" in said
    assert "allowed: qemu (raw)" in said


def test_of_several_variants_one_is_to_be_named(exporting: FakeStack) -> None:
    said = refused(exporting.flakeship("export", "many", "--format", "qcow2"))
    assert "several variants" in said
    assert "first (qcow2)" in said
    assert "second (qcow2)" in said
    assert "--variant" in said
    assert "many.broken is left out" in said
    wrong = refused(exporting.flakeship("export", "many", "--format", "vma", "--variant", "raw"))
    assert "allowed: raw (raw)" in wrong


def test_a_file_that_is_not_of_its_format_is_not_exported(exporting: FakeStack) -> None:
    said = refused(exporting.flakeship("export", "wrong", "--format", "vma", "--to", "."))
    assert "has another format than its manifest says" in said
    assert not [*exporting.path.glob("vzdump*")]
    assert not [*(exporting.path / ".state/test").glob("roots/export-*")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mnay", "--format", "raw"), "HOST: ./flake has no host mnay"),
        (
            ("many", "--format", "raw", "--variant", "rwa"),
            "--variant: ./flake has no variant",
        ),
        (("many", "--format", "raw", "--to", "nowhere"), "there is no such directory"),
    ],
)
def test_a_mistake_is_told(exporting: FakeStack, words: tuple[str, ...], said: str) -> None:
    assert said in refused(exporting.flakeship("export", *words))


def test_a_stack_without_a_flake_names_the_one_that_has_it(exporting: FakeStack) -> None:
    exporting.unset("flake")
    exporting.config("promoteFrom", "staging")
    said = refused(exporting.flakeship("export", "--format", "raw"))
    assert "stack test: its releases are promoted" in said
    assert "flakeship --stack staging export" in said
