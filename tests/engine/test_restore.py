"""The files of a verified release from a real Nix store elsewhere: the very bytes, or none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Artifact, Release
from flakeship.nix import build, restore
from flakeship.nix.build import BuildRequest
from flakeship.nix.image_store import StoreImageRequest, store_image
from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.engine.test_build import evaluated

GIVEN = os.environ.get("NIX_CONFIG", "")
NOISE = "read -r noise < /proc/sys/kernel/random/uuid; echo $noise > $out; echo {} >> $out"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(monkeypatch)
    monkeypatch.chdir(tmp_path)


def configure(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Configure Nix; the builder is the host's shell, and not every sandbox has one."""
    monkeypatch.setenv("NIX_CONFIG", "\n".join([GIVEN, "sandbox = false", *lines]))


@pytest.fixture
def made(tmp_path: Path) -> Release:
    return evaluated(tmp_path, NOISE.format("image"))


@pytest.fixture
def built(made: Release) -> Artifact:
    return build.build(BuildRequest.of(made, "dev"))


@pytest.fixture
def cache(made: Release, built: Artifact, tmp_path: Path) -> str:
    """A binary cache that has the image, which is not signed."""
    url = f"file://{tmp_path}/cache"
    store_image(StoreImageRequest(made.name, made.out, url))
    assert built.image.path == made.out
    return url


def lose(made: Release) -> None:
    for link in Path(".state/dev/roots").iterdir():
        link.unlink()
    run([*NIX, "store", "delete", made.out])


def refused(request: BuildRequest, images: str = "") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        restore.restore(request, images)
    assert (raised.value.code, raised.value.key) == ("store-path-missing", request.release)
    assert not Path(request.output).exists()
    assert not Path(request.gc_root).is_symlink()
    return raised.value


def test_an_image_store_need_not_be_signed(made: Release, built: Artifact, cache: str) -> None:
    lose(made)
    request = BuildRequest.of(made, "dev", built)
    assert restore.find(request, cache) == cache
    assert not Path(made.out).exists()
    assert restore.restore(request, cache) == cache
    assert build.build(request) == built
    assert Path(request.gc_root).resolve() == Path(made.out)
    lose(made)


def test_a_binary_cache_of_nix_has_to_be_signed(
    made: Release, built: Artifact, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(made)
    request = replace(BuildRequest.of(made, "dev", built), derivation="/nix/store/none.drv")
    configure(monkeypatch, f"substituters = {cache}")
    assert "signature" in "".join(refused(request).details)
    configure(monkeypatch, f"substituters = {cache}", "substitute = false")
    assert refused(request).details == ()
    configure(monkeypatch, f"substituters = {cache}", "require-sigs = false")
    assert restore.restore(request, "") == cache
    lose(made)


def test_a_store_with_other_bytes_is_passed_over(
    made: Release, built: Artifact, cache: str
) -> None:
    lose(made)
    (file,) = built.files
    other = Artifact((replace(file, sha512="ab" * 64),), built.disk)
    error = refused(BuildRequest.of(made, "dev", other), cache)
    assert f"nix copy --no-check-sigs --from ssh://HOST {made.out}" in error.remedy
    _, stored, again = error.details
    assert stored.startswith(f"  {cache}: {made.out} is not the file that was verified")
    assert again.startswith(f"  another build of {made.drv}")


def test_another_build_is_taken_where_it_has_the_same_bytes(tmp_path: Path) -> None:
    made = evaluated(tmp_path, "echo image > $out")
    built = build.build(BuildRequest.of(made, "dev"))
    lose(made)
    request = BuildRequest.of(made, "dev", built)
    assert made.drv in restore.restore(request, f"file://{tmp_path}/nothing")
    assert build.build(request) == built
    lose(made)


def test_an_image_is_copied_once_and_never_asked_for_again(
    made: Release, cache: str, tmp_path: Path
) -> None:
    lose(made)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
    store_image(StoreImageRequest(made.name, made.out, cache))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")} == before
    # of a release that was verified before there was an image store nothing can be copied
    store_image(StoreImageRequest(made.name, made.out, f"file://{tmp_path}/other"))
    assert not list((tmp_path / "other").glob("*.narinfo"))


def test_an_image_store_that_takes_nothing_is_an_error(made: Release, tmp_path: Path) -> None:
    build.build(BuildRequest.of(made, "dev"))
    (tmp_path / "file").touch()
    with pytest.raises(FlakeshipError) as raised:
        store_image(StoreImageRequest(made.name, made.out, f"file://{tmp_path}/file"))
    assert (raised.value.code, raised.value.key) == ("image-store-failed", made.name)
    assert "nix copy" in raised.value.remedy
    lose(made)
