"""What git says of a flake."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.flake import FlakeReference
from flakeship.nix.source import Source, source
from flakeship.system.process import run


def of(text: str | Path) -> Source:
    return source(FlakeReference.parse(str(text)))


def git(path: Path, *words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    return run(["git", "-C", path, *identity, *words]).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    flake = tmp_path / "nix"
    flake.mkdir()
    (flake / "flake.nix").write_text("{ }")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "test")
    return tmp_path


def test_a_clean_flake_has_a_revision_and_no_warning(repository: Path) -> None:
    (repository / "README.md").write_text("changes outside of the flake do not count")
    found = of(repository / "nix")
    assert found.revision == git(repository, "rev-parse", "HEAD")
    assert found.warnings == []


def test_what_nix_will_not_see_is_told(repository: Path) -> None:
    (repository / "nix/flake.nix").write_text("{ a = 1; }")
    (repository / "nix/new host.nix").touch()
    found = of(repository / "nix")
    assert found.revision.endswith("-dirty")
    untracked, changed = found.warnings
    assert "files that git does not track: nix/new host.nix" in untracked
    assert "uncommitted changes (nix/flake.nix)" in changed


def test_before_the_first_commit_there_is_no_revision(tmp_path: Path) -> None:
    (tmp_path / "flake.nix").write_text("{ }")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    (warning,) = of(tmp_path).warnings
    assert "has no revision yet" in warning


def test_a_conflict_is_a_change(repository: Path) -> None:
    flake = repository / "nix/flake.nix"
    git(repository, "checkout", "-qb", "other")
    flake.write_text("{ a = 1; }")
    git(repository, "commit", "-qam", "test")
    git(repository, "checkout", "-q", "-")
    flake.write_text("{ a = 2; }")
    git(repository, "commit", "-qam", "test")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run(["git", "-C", repository, *identity, "merge", "other"], check=False)
    assert of(repository / "nix").changed == ("nix/flake.nix",)


def test_a_flake_elsewhere_is_left_to_nix(tmp_path: Path) -> None:
    assert of("github:owner/repository") == Source()
    assert of(tmp_path) == Source()


def texts(repository: Path) -> list[str]:
    return [
        f"{repository}/nix",
        f"{repository}?dir=nix",
        f"{repository}/nix?submodules=1",
        f"git+file://{repository}?dir=nix",
        f"git+file:{repository}?submodules=1&dir=nix",
    ]


@pytest.mark.parametrize("number", range(5))
def test_every_reference_of_a_working_tree_tells_the_same(repository: Path, number: int) -> None:
    text = texts(repository)[number]
    clean = of(text)
    assert clean == Source(git(repository, "rev-parse", "HEAD"))
    (repository / "nix/flake.nix").write_text("{ a = 1; }")
    (repository / "nix/new.nix").touch()
    assert of(text) == Source(f"{clean.revision}-dirty", ("nix/flake.nix",), ("nix/new.nix",))


@pytest.mark.parametrize(
    "text", ["git+file:.?dir=nix", "git+file:./?dir=nix", "./?dir=nix", "./nix"]
)
def test_a_relative_reference_is_one_of_this_directory(
    repository: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(repository)
    assert of(text).revision == git(repository, "rev-parse", "HEAD")


def test_a_commit_is_taken_for_itself_and_not_for_the_working_tree(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "-qm", "test", "--allow-empty")
    git(repository, "branch", "next")
    (repository / "nix/flake.nix").write_text("{ a = 1; }")
    base = f"git+file://{repository}?dir=nix"
    assert of(f"{base}&rev={first}") == Source(first)
    assert of(f"{base}&ref=next") == Source(git(repository, "rev-parse", "next"))
    assert of(f"{base}&ref=gone") == Source()
    assert of(f"{base}&ref=--help") == Source()


def test_a_path_url_is_taken_as_it_is(repository: Path) -> None:
    (repository / "nix/new.nix").touch()
    assert of(f"path:{repository}/nix") == Source()


def with_submodule(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    (other / "part.nix").write_text("{ }")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "test")
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        str(other),
        "nix/part",
    )
    git(repository, "commit", "-qm", "test")
    return repository


def test_submodules_that_nix_leaves_out_are_told(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with_submodule(repository, tmp_path_factory)
    head = git(repository, "rev-parse", "HEAD")
    left_out = of(repository / "nix")
    assert left_out == Source(head, submodules=("nix/part",))
    (warning,) = left_out.warnings
    assert "nix/part" in warning
    assert "?submodules=1" in warning
    assert of(f"{repository}/nix?submodules=1") == Source(head)
    assert of(f"git+file://{repository}?dir=nix&submodules=1").warnings == []
    # Nix 2.27 and later
    (repository / "nix/flake.nix").write_text("{ inputs.self.submodules = true; }")
    assert of(repository / "nix").submodules == ()


def test_what_changes_in_a_submodule_counts_where_it_is_part_of_the_flake(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with_submodule(repository, tmp_path_factory)
    flake = f"{repository}/nix?submodules=1"
    head = git(repository, "rev-parse", "HEAD")
    (repository / "nix/part/new.nix").touch()
    assert of(flake) == Source(head, untracked=("nix/part",))
    assert of(repository / "nix").untracked == ()
    (repository / "nix/part/part.nix").write_text("{ a = 1; }")
    assert of(flake) == Source(f"{head}-dirty", changed=("nix/part",))
    assert of(repository / "nix") == Source(head, submodules=("nix/part",))
