"""What moves a release, which makes a new image and a new server, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flakeship.system.process import run
from tests.nix import graph, known
from tests.nix.known import Evaluations, Repository

RELEASE = "flakeship.web.openstack"


@pytest.fixture
def changing(nixpkgs: str, tmp_path: Path) -> Repository:
    """A repository of a test's own."""
    return known.repository(tmp_path / "changing", nixpkgs)


def readme(repository: Repository) -> None:
    (repository.path / "README.md").write_text("Other words.\n")
    repository.commit()


def comment(repository: Repository) -> None:
    module = repository.path / "nix/modules/network.nix"
    module.write_text(f"# A word more.\n{module.read_text()}")
    repository.commit()


def dirty(repository: Repository) -> None:
    (repository.path / "README.md").write_text("Not committed.\n")


@pytest.mark.parametrize("change", [readme, comment, dirty], ids=lambda change: change.__name__)
def test_a_release_stays_what_it_is(
    changing: Repository, change: Callable[[Repository], None]
) -> None:
    before = changing.drv(f"{changing.hosts}#{RELEASE}")
    commit = run(["git", "rev-parse", "HEAD"], cwd=changing.path).stdout
    change(changing)
    status = run(["git", "status", "--porcelain"], cwd=changing.path).stdout
    assert status or run(["git", "rev-parse", "HEAD"], cwd=changing.path).stdout != commit
    assert changing.drv(f"{changing.hosts}#{RELEASE}") == before


def test_another_key_is_another_release(changing: Repository, tmp_path: Path) -> None:
    found = []
    for name in ("ours", "ours", "theirs"):
        access = tmp_path / name
        access.mkdir(exist_ok=True)
        (access / "authorized_keys").write_text(f"{known.KEY}-of-{name}\n")
        override = ["--override-input", "access", f"path:{access}"]
        found.append(changing.drv(f"{changing.hosts}#{RELEASE}", *override))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("variant", ["openstack", "raw", "repart", "proxmox-vma"])
def test_the_disk_has_the_size_that_is_asked_for(repository: Repository, variant: str) -> None:
    drv = repository.drv(f"{repository.facts}#disk.web.{variant}")
    made = known.Known("web", variant, drv)
    assert made.release.disk == 7777
    below, _, text = graph.inputs(made.release.drv)
    texts = [text, *(graph.inputs(each)[2] for each in below)]
    assert any(b"7777" in each for each in texts)
    # what is free is the root's: without a maximum of its own the ESP would take half of it
    sizes = [each.get("SizeMaxBytes") for each in made.facts["repart"]["image"].values()]
    assert sizes == (["512M", None] if variant == "repart" else [])


def test_the_facts_are_of_the_release_that_the_flake_offers(
    repository: Repository, evaluations: Evaluations
) -> None:
    override = ["--override-input", "access", f"path:{repository.path}/facts/access"]
    offered = repository.drv(f"{repository.hosts}#{RELEASE}", *override)
    assert evaluations.begin("web", "openstack").result().release_drv == offered
