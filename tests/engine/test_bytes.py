"""A release is its own bytes: a run needs them only to upload, and takes no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.engine.conftest import FakeStack

UNLIKE = 'read -r noise < /proc/sys/kernel/random/uuid\necho "$noise" >> "$out"\n'
"""Lines of a builder that makes other bytes each time."""


class Stack(FakeStack):
    """A stack of two releases, the second one deployed; no two builds of one are the same."""

    def outs(self) -> list[Path]:
        """The outputs of the kept releases, newest first."""
        return [Path(record["release"]["out"]) for record in self.outputs()["releases"]]

    def name(self, out: Path) -> str:
        return f"tiny-{out.name[:8]}"

    def lose(self, out: Path, *, derivation: bool = False) -> None:
        """As if this were a workstation that has never built a release."""
        drv = next(
            record["release"]["drv"]
            for record in self.outputs()["releases"]
            if record["release"]["out"] == str(out)
        )
        for link in (self.path / ".state/test/roots").glob(f"{self.name(out)}*"):
            link.unlink()
        lost = [str(out)] if out.exists() else []
        if derivation:
            users = run(["nix-store", "--query", "--referrers-closure", drv], env=self.env)
            lost += users.stdout.split()
        run([*NIX, "store", "delete", *lost], env=self.env)
        assert not out.exists()

    def forget(self, out: Path) -> None:
        """Somebody removes the release's image from the cloud."""
        cloud = self.cloud()
        (image,) = [each for each in cloud.of("image") if each.name == self.name(out)]
        del cloud.objects[image.id]
        self.change(cloud)

    def images(self) -> list[str]:
        return sorted(each.name for each in self.cloud().of("image"))


@pytest.fixture
def two(stack: FakeStack) -> Stack:
    made = Stack(stack.path, stack.flake, stack.env)
    made.config("standbyReleases", "0")
    script = made.flake / "build.sh"
    script.write_text(script.read_text() + UNLIKE)
    for text in ("one", "two"):
        made.write(text)
        made.up()
    return made


def test_a_rollback_needs_no_files_where_the_target_has_the_image(two: Stack) -> None:
    _, one = two.outs()
    two.lose(one, derivation=True)
    two.config("release", two.name(one))
    assert "warning: tiny" not in two.preview()
    two.up()
    assert two.running() == two.name(one)
    assert not one.exists()
    two.preview("--expect-no-changes")
    # the image's resource is made anew from what was recorded, as in another stack
    before = two.outputs()["releases"]
    two.up("--replace", f"**::image-{two.name(one)}")
    assert two.outputs()["releases"] == before
    assert not one.exists()


def test_what_has_to_be_uploaded_anew_and_is_nowhere_is_refused(two: Stack) -> None:
    newest, one = two.outs()
    two.forget(one)
    two.lose(one, derivation=True)
    said = two.preview()
    assert f"{two.name(one)} is kept, and nothing here can boot it" in said
    two.config("release", two.name(one))
    before = two.resources()
    for done in (two.preview(check=False), two.up(check=False)):
        assert f"{one} is not in the Nix store" in done
        assert f"nix copy --no-check-sigs --from ssh://HOST {one}" in done
    assert two.resources() == before
    # a release that does not need it goes on
    two.unset("release")
    two.up()
    assert two.running() == two.name(newest)


def test_another_build_with_other_bytes_is_refused_and_leaves_nothing(two: Stack) -> None:
    _, one = two.outs()
    two.forget(one)
    two.lose(one)
    two.config("release", two.name(one))
    before, images = two.resources(), two.images()
    assert "another build of" in two.preview()
    assert f"{one} is not the file that was verified" in two.up(check=False)
    assert not one.exists()
    assert (two.resources(), two.images()) == (before, images)


def test_a_flipped_byte_is_found_before_anything_is_published(two: Stack) -> None:
    _, one = two.outs()
    two.forget(one)
    data = bytearray(one.read_bytes())
    data[0] ^= 1
    one.chmod(0o644)
    one.write_bytes(data)
    two.config("release", two.name(one))
    images = two.images()
    assert f"{one} has changed since it was built" in two.up(check=False)
    said = two.up("--replace", f"**::image-{two.name(one)}", check=False)
    assert f"{one} is not the file that was verified" in said
    assert two.images() == images
    two.lose(one)


def test_an_image_store_has_every_verified_image_and_gives_it_back(
    two: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = f"file://{tmp_path_factory.mktemp('images')}"
    two.config("imageStore", url)
    two.write("three")
    two.config("servers[0].fake.fail[0]", "greeting")
    two.up(check=False)
    assert not list(Path(url.removeprefix("file://")).glob("*.narinfo"))
    two.unset("servers[0].fake.fail")
    two.up()
    two.up("--expect-no-changes")
    three, *_ = two.outs()
    data = three.read_bytes()
    run([*NIX, "path-info", "--store", url, str(three)])
    two.write("four")
    two.up()

    two.forget(three)
    two.lose(three, derivation=True)
    two.config("release", two.name(three))
    assert f"the files of {two.name(three)} are not on this workstation: from {url}" in (
        two.preview()
    )
    assert not three.exists()
    two.up()
    assert two.running() == two.name(three)
    assert three.read_bytes() == data
    link = two.path / ".state/test/roots" / two.name(three)
    assert link.resolve() == three
    two.preview("--expect-no-changes")


def test_a_promoted_release_is_taken_from_the_image_store(
    two: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A stack on another workstation, which never builds, and where the release has never been."""
    newest, one = two.outs()
    data = newest.read_bytes()
    url = f"file://{tmp_path_factory.mktemp('images')}"
    run([*NIX, "copy", "--to", url, str(newest)], env=two.env)
    server = {"name": "web", "ports": [{"port": 80}]}
    staging = two.beside(
        "staging", {"host": "tiny", "target": "fake", "servers": [server], "promoteFrom": "test"}
    )
    two.lose(newest, derivation=True)
    for done in (staging.preview(check=False), staging.up(check=False)):
        assert f"{newest} is not in the Nix store" in done
    assert staging.outputs() == {}
    staging.config("imageStore", url)
    staging.up()
    assert staging.running() == two.name(newest)
    assert newest.read_bytes() == data
    staging.preview("--expect-no-changes")
    # where the image is published, nobody needs them
    for link in (staging.path / ".state/staging/roots").iterdir():
        link.unlink()
    run([*NIX, "store", "delete", str(newest)], env=two.env)
    for each in (two, staging):
        each.preview("--expect-no-changes")
    assert one.exists()


def test_a_server_that_fails_copies_nothing(
    two: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = tmp_path_factory.mktemp("images")
    two.config("imageStore", f"file://{images}")
    two.config("servers[1].name", "other")
    two.config("servers[1].fake.fail[0]", "boot")
    two.write("three")
    two.up("--continue-on-error", check=False)
    assert not list(images.glob("*.narinfo"))
    two.unset("servers[1].fake.fail")
    two.up()
    assert len(list(images.glob("*.narinfo"))) == 1
    two.preview("--expect-no-changes")


def test_an_unreachable_image_store_fails_after_the_cutover(two: Stack) -> None:
    file = two.path / "no-directory"
    file.touch()
    two.config("imageStore", f"file://{file}")
    two.write("three")
    before = two.serving()
    said = two.up(check=False)
    assert "cannot be copied to the image store" in said
    assert two.serving() != before
    two.unset("imageStore")
    two.up()
    two.preview("--expect-no-changes")


def test_a_build_by_another_workstation_that_was_never_verified_is_made_anew(two: Stack) -> None:
    two.write("three")
    two.up("--target", "**:NixImage::**", "--target", "**::image-**")
    (link,) = [
        link
        for link in (two.path / ".state/test/roots").iterdir()
        if not link.name.endswith(("-drv", "-toplevel")) and link.resolve() not in two.outs()
    ]
    out = link.resolve()
    for each in link.parent.glob(f"{link.name}*"):
        each.unlink()
    run([*NIX, "store", "delete", str(out)], env=two.env)
    said = two.up(check=False)
    assert f"{out} is not in the Nix store of this workstation" in said
    wildcard = f"**::image-*-{out.name[:8]}"
    assert f"--replace '{wildcard}'" in said
    two.up("--replace", wildcard)
    assert two.running() == two.name(out)
    assert two.outs()[0] == out
