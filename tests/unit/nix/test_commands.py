"""The exact commands for Nix, and what is made of its answers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError, SettingError
from flakeship.model.release import File
from flakeship.nix import build, evaluate, store
from flakeship.nix.build import BuildRequest, ForgetRequest
from flakeship.system.process import Result
from tests.unit.model.test_ledger import release
from tests.unit.nix.test_image_file import qcow2_header

FLAGS = ["nix", "--extra-experimental-features", "nix-command flakes"]
MANIFEST: dict[str, Any] = {"schema": 1, **codec.plain(release(1))}
del MANIFEST["revision"]


@dataclasses.dataclass
class Nix:
    """Answers commands by their first words and keeps their argv."""

    answers: dict[str, Result | CommandError]
    asked: list[list[str]]

    def run(self, argv: list[str | Path], **_: object) -> Result:
        words = [str(word) for word in argv]
        if words[0] == "git":
            return Result(128, "", "not a git repository")
        assert words[:3] == FLAGS
        self.asked.append(words[3:])
        answer = self.answers.get(
            " ".join(words[3:5]), self.answers.get(words[3], Result(0, "", ""))
        )
        if isinstance(answer, CommandError):
            raise answer
        return answer


@pytest.fixture
def fake() -> Iterator[Nix]:
    made = Nix({}, [])
    with (
        patch.object(build, "run", made.run),
        patch.object(evaluate, "run", made.run),
        patch.object(store, "run", made.run),
    ):
        yield made


def shown(manifest: object) -> str:
    return json.dumps({"/nix/store/x.drv": {"env": {"manifest": json.dumps(manifest)}}})


def test_evaluation_asks_the_cache_and_never_builds(fake: Nix, tmp_path: Path) -> None:
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, shown(MANIFEST), ""),
    }
    found = evaluate.evaluate("./flake", "web", "qemu", tmp_path)
    assert found == release(1)
    override = ["--no-write-lock-file", "--override-input", "access", f"path:{tmp_path}"]
    assert fake.asked == [
        ["path-info", "--derivation", "./flake#flakeship.web.qemu", *override],
        ["derivation", "show", "/nix/store/x.drv"],
    ]


def test_the_newer_form_of_derivation_show_is_read(fake: Nix, tmp_path: Path) -> None:
    newer = json.dumps({"derivations": json.loads(shown(MANIFEST)), "version": 4})
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, newer, ""),
    }
    assert evaluate.evaluate("./flake", "web", "qemu", tmp_path) == release(1)


def refusal(fake: Nix, answer: str) -> FlakeshipError:
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, answer, ""),
    }
    with pytest.raises(FlakeshipError) as raised:
        evaluate.evaluate("./flake", "web", "qemu", Path("access"))
    assert raised.value.key == "./flake#flakeship.web.qemu"
    return raised.value


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"host": "../../x"}, "host"),
        ({"files": ["/etc/passwd"]}, "files"),
        ({"files": ["../../x"]}, "files"),
        ({"user": "nixos\nProxyCommand x"}, "user"),
        ({"out": "/tmp/x"}, "out"),
        ({"format": "vmdk"}, "format"),
    ],
)
def test_a_manifest_is_not_trusted(fake: Nix, change: dict[str, object], key: str) -> None:
    error = refusal(fake, shown(MANIFEST | change))
    assert error.code == "manifest-invalid"
    assert error.what.startswith(f"{key} ")


def test_a_manifest_of_another_host_is_refused(fake: Nix) -> None:
    error = refusal(fake, shown(MANIFEST | {"host": "db"}))
    assert (error.code, error.given) == ("manifest-invalid", "db.qemu")


def test_a_derivation_without_a_manifest_is_refused(fake: Nix) -> None:
    error = refusal(fake, json.dumps({"/nix/store/x.drv": {"env": {}}}))
    assert error.code == "manifest-invalid"


@pytest.mark.parametrize(
    ("asked", "key", "allowed", "remedy"),
    [
        ("wep.qemu", "host", "web, db", "did you mean web?"),
        ("web.qemo", "variant", "qemu, raw", "did you mean qemu?"),
        ("mail.qemu", "host", "web, db", ""),
    ],
)
def test_a_host_that_is_not_there_names_those_that_are(
    fake: Nix, asked: str, key: str, allowed: str, remedy: str
) -> None:
    stderr = f"error: flake does not provide attribute 'flakeship.{asked}'"
    fake.answers = {
        "path-info": CommandError("failed", 1, stderr),
        "eval": Result(0, '{"web": ["qemu", "raw"], "db": ["qemu"]}', ""),
    }
    host, variant = asked.split(".")
    with pytest.raises(SettingError) as raised:
        evaluate.evaluate("./flake", host, variant, Path("access"))
    error = raised.value
    assert (error.code, error.key) == (f"{key}-missing", f"flakeship:{key}")
    assert (error.allowed, error.remedy) == (allowed, remedy)


def test_a_flake_without_hosts_is_refused(fake: Nix) -> None:
    fake.answers = {
        "path-info": CommandError("failed", 1, "does not provide attribute 'flakeship.web.qemu'"),
        "eval": Result(1, "", "error"),
    }
    with pytest.raises(SettingError) as raised:
        evaluate.evaluate("./flake", "web", "qemu", Path("access"))
    assert (raised.value.code, raised.value.key) == ("flake-without-hosts", "flakeship:flake")


def test_a_host_that_git_does_not_track_is_told(
    fake: Nix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = evaluate.Source(untracked=("hosts/mail.nix",))
    monkeypatch.setattr(evaluate, "source", lambda _: unseen)
    fake.answers = {
        "path-info": CommandError("failed", 1, "does not provide attribute 'flakeship.mail.qemu'"),
        "eval": Result(0, '{"web": ["qemu"]}', ""),
    }
    with pytest.raises(SettingError) as raised:
        evaluate.evaluate("./flake", "mail", "qemu", tmp_path)
    assert "hosts/mail.nix" in raised.value.remedy


STACK = """warning: not writing modified lock file
error:
       … while calling the 'derivationStrict' builtin
         at /nix/store/x-source/nix/lib/release.nix:11:1:

       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error:
       Failed assertions:
       - one of ours
"""


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        ("error: syntax error\n at flake.nix:3", "error: syntax error\n at flake.nix:3"),
        (STACK, "error:\nFailed assertions:\n- one of ours"),
        ("killed", "killed"),
    ],
)
def test_an_error_of_evaluation_is_its_cause(
    fake: Nix, tmp_path: Path, stderr: str, cause: str
) -> None:
    fake.answers = {"path-info": CommandError("failed", 1, stderr)}
    with pytest.raises(FlakeshipError) as raised:
        evaluate.evaluate("./flake", "web", "qemu", tmp_path)
    assert raised.value.code == "evaluation-failed"
    assert raised.value.details[0] == cause
    assert "--show-trace './flake#flakeship.web.qemu'" in raised.value.details[1]


@pytest.fixture
def image(tmp_path: Path) -> BuildRequest:
    file = tmp_path / "image.qcow2"
    file.write_bytes(qcow2_header())
    made = replace(release(1), out=str(tmp_path), drv=str(tmp_path / "x.drv"))
    return BuildRequest(made, str(tmp_path / "roots/web"))


def test_a_build_is_kept_whole(fake: Nix, image: BuildRequest) -> None:
    made = image.release
    built = build.build(image)
    data = qcow2_header()
    assert built.image == File(made.paths[0], len(data), hashlib.sha512(data).hexdigest())
    assert fake.asked == [
        ["build", f"{made.drv}^out", "--out-link", image.root, "--log-lines", "25"],
        ["build", made.drv, "--out-link", f"{image.root}-drv"],
        ["build", made.toplevel, "--out-link", f"{image.root}-toplevel"],
    ]


def refused(request: BuildRequest) -> FlakeshipError:
    """The error of a build that leaves no link behind."""
    root = Path(request.root)
    root.parent.mkdir()
    root.symlink_to(request.release.out)
    with pytest.raises(FlakeshipError) as raised:
        build.build(request)
    assert not root.is_symlink()
    assert raised.value.key == request.release.name
    return raised.value


def test_a_verified_file_with_other_bytes_is_refused(fake: Nix, image: BuildRequest) -> None:
    verified = (File(image.release.paths[0], 5, "0" * 128),)
    assert refused(replace(image, verified=verified)).code == "build-not-reproducible"
    assert len(fake.asked) == 1


@pytest.mark.usefixtures("fake")
def test_each_of_several_files_is_compared(image: BuildRequest, tmp_path: Path) -> None:
    (tmp_path / "initrd").write_bytes(b"more bytes")
    several = replace(image.release, files=("image.qcow2", "initrd"), format="netboot")
    built = build.build(replace(image, release=several))
    assert [Path(file.path).name for file in built.files] == ["image.qcow2", "initrd"]
    assert [file.size for file in built.files] == [len(qcow2_header()), 10]
    assert built.disk == 0
    again = replace(image, release=several, verified=built.files)
    assert build.build(again) == built
    (tmp_path / "initrd").write_bytes(b"less bytes")
    (tmp_path / "roots/web").unlink(missing_ok=True)
    with pytest.raises(FlakeshipError) as raised:
        build.build(again)
    assert raised.value.code == "build-not-reproducible"
    assert f"{tmp_path}/initrd differs" in raised.value.what


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("largest", "fits"), [(0, True), (3, True), (2, False)])
def test_an_image_may_be_too_large_for_its_server(
    image: BuildRequest, tmp_path: Path, largest: int, fits: bool
) -> None:
    (tmp_path / "image.qcow2").write_bytes(qcow2_header(size=2 * 2**20 + 1))
    request = replace(image, max_image_disk=largest)
    if fits:
        assert build.build(request).disk == 3
    else:
        error = refused(request)
        assert error.code == "image-too-large"
        assert "larger `disk`" in error.remedy


def test_a_build_without_its_file_is_refused(fake: Nix, image: BuildRequest) -> None:
    lacking = replace(image.release, files=("image.qcow2", "gone"))
    with pytest.raises(FlakeshipError) as raised:
        build.build(replace(image, release=lacking))
    assert raised.value.code == "image-file-missing"
    assert lacking.paths[1] in raised.value.what
    assert len(fake.asked) == 1


def test_a_build_that_is_not_what_the_manifest_says_leaves_no_link(
    fake: Nix, image: BuildRequest
) -> None:
    error = refused(replace(image, release=replace(image.release, format="raw")))
    assert (error.code, error.given, error.allowed) == ("image-other-format", "qcow2", "raw")
    assert len(fake.asked) == 1


def test_a_build_without_its_output_is_refused(fake: Nix, image: BuildRequest) -> None:
    out = "/nix/store/00000000000000000000000000000000-gone"
    with pytest.raises(FlakeshipError) as raised:
        build.build(replace(image, release=replace(image.release, out=out)))
    assert raised.value.code == "build-without-output"
    assert len(fake.asked) == 1


def test_a_failing_build_names_the_whole_log(fake: Nix, image: BuildRequest) -> None:
    fake.answers = {"build": CommandError("failed", 1)}
    with pytest.raises(FlakeshipError) as raised:
        build.build(image)
    assert raised.value.code == "build-failed"
    assert f"nix log {image.release.drv}" in raised.value.remedy


def test_a_path_that_is_gone_is_named_with_its_remedy(tmp_path: Path) -> None:
    drv = tmp_path / "x.drv"
    drv.touch()
    lost = replace(release(1, revision="abc"), drv=str(drv))
    with pytest.raises(FlakeshipError) as raised:
        build.describe(lost)
    assert (raised.value.code, raised.value.key) == ("store-path-missing", lost.name)
    assert f"nix build '{drv}^out'" in raised.value.remedy
    drv.unlink()
    with pytest.raises(FlakeshipError) as raised:
        build.describe(lost)
    assert "evaluate web at revision abc again" in raised.value.remedy


def test_what_keeps_an_image_is_dropped_by_a_request_of_any_version() -> None:
    """A stack has the request that its image was built by."""
    earlier = '{"release": {"file": "x"}, "room": 0, "root": "roots/web", "sha512": ""}'
    assert codec.parse(ForgetRequest, earlier).root == "roots/web"


def test_dropping_twice_is_fine(tmp_path: Path) -> None:
    root = tmp_path / "web"
    for ending in ("", "-drv", "-toplevel"):
        Path(f"{root}{ending}").symlink_to(tmp_path)
    store.drop(str(root))
    store.drop(str(root))
    assert list(tmp_path.iterdir()) == []
