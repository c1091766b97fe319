"""The exact commands for Nix, and what is made of its answers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.nix import build, evaluate, source, store
from flakeship.nix.build import BuildRequest
from flakeship.system.process import Result
from tests.unit.model.test_ledger import release

FLAGS = ["nix", "--extra-experimental-features", "nix-command flakes"]
MANIFEST = {k: v for k, v in dataclasses.asdict(release(1)).items() if k != "revision"}


@dataclasses.dataclass
class Nix:
    """Answers commands by their first words and keeps their argv."""

    answers: dict[str, Result | CommandError]
    asked: list[list[str]]

    def run(self, argv: list[str | Path], **_: object) -> Result:
        words = [str(word) for word in argv]
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


def test_a_manifest_that_lacks_something_is_refused(fake: Nix, tmp_path: Path) -> None:
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, shown({"host": "web"}), ""),
    }
    with pytest.raises(FlakeshipError, match="is no manifest that is understood here"):
        evaluate.evaluate("./flake", "web", "qemu", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "../../x"},
        {"file": "/etc/passwd"},
        {"file": "../../x"},
        {"user": "nixos\nProxyCommand x"},
        {"out": "/tmp/x"},
        {"format": "vmdk"},
    ],
)
def test_a_manifest_is_not_believed(fake: Nix, tmp_path: Path, change: dict[str, str]) -> None:
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, shown(MANIFEST | change), ""),
    }
    with pytest.raises(FlakeshipError, match="is no manifest that is understood here"):
        evaluate.evaluate("./flake", "web", "qemu", tmp_path)


def test_a_manifest_of_another_host_is_refused(fake: Nix, tmp_path: Path) -> None:
    fake.answers = {
        "path-info": Result(0, "/nix/store/x.drv\n", ""),
        "derivation show": Result(0, shown(MANIFEST | {"host": "db"}), ""),
    }
    with pytest.raises(FlakeshipError, match=r"is a manifest of db\.qemu: the names must agree"):
        evaluate.evaluate("./flake", "web", "qemu", tmp_path)


@pytest.mark.parametrize(
    ("host", "variant", "said"),
    [
        ("wep", "qemu", "flakeship:host: ./flake has no host wep; nearest: web"),
        ("web", "qemo", "flakeship:variant: ./flake has no variant qemo; nearest: qemu"),
        ("mail", "qemu", "flakeship:host: ./flake has no host mail; nearest: web, db"),
    ],
)
def test_a_host_that_is_not_there_names_the_nearest(
    fake: Nix, tmp_path: Path, host: str, variant: str, said: str
) -> None:
    stderr = f"error: flake does not provide attribute 'flakeship.{host}.{variant}'"
    fake.answers = {
        "path-info": CommandError("failed", 1, stderr),
        "eval": Result(0, '{"web": ["qemu", "raw"], "db": ["qemu"]}', ""),
    }
    with pytest.raises(FlakeshipError) as caught:
        evaluate.evaluate("./flake", host, variant, tmp_path)
    assert str(caught.value) == said


def test_a_host_that_git_does_not_track_is_told(
    fake: Nix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = source.Source(untracked=("hosts/mail.nix",))
    monkeypatch.setattr(source, "inspect", lambda _: unseen)
    fake.answers = {
        "path-info": CommandError("failed", 1, "does not provide attribute 'flakeship.mail.qemu'"),
        "eval": Result(0, '{"web": ["qemu"]}', ""),
    }
    with pytest.raises(FlakeshipError, match=r"nearest: web\. Nix does not see .* hosts/mail\.nix"):
        evaluate.evaluate("./flake", "mail", "qemu", tmp_path)


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
    ("stderr", "said"),
    [
        (
            "error: syntax error\n at flake.nix:3",
            r"evaluate:\nerror: syntax error\n at flake.nix:3\n",
        ),
        (
            STACK,
            r"evaluate:\nerror:\nFailed assertions:\n- one of ours\nthe way there: nix path-info",
        ),
        ("killed", r"evaluate:\nkilled\nthe way there"),
    ],
)
def test_an_error_of_evaluation_is_its_reason(
    fake: Nix, tmp_path: Path, stderr: str, said: str
) -> None:
    fake.answers = {"path-info": CommandError("failed", 1, stderr)}
    with pytest.raises(FlakeshipError, match=said):
        evaluate.evaluate("./flake", "web", "qemu", tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> BuildRequest:
    file = tmp_path / "image.qcow2"
    file.write_bytes(b"bytes")
    made = dataclasses.replace(release(1), out=str(tmp_path), drv=str(tmp_path / "x.drv"))
    return BuildRequest(made, str(tmp_path / "roots/web"))


def test_a_build_is_kept_whole(fake: Nix, image: BuildRequest) -> None:
    made = image.release
    built = build.build(image)
    assert (built.file, built.size) == (made.path, 5)
    assert built.sha512 == hashlib.sha512(b"bytes").hexdigest()
    assert fake.asked == [
        ["build", f"{made.drv}^out", "--out-link", image.root, "--log-lines", "25"],
        ["build", made.drv, "--out-link", f"{image.root}-drv"],
        ["build", made.toplevel, "--out-link", f"{image.root}-toplevel"],
    ]


def test_the_same_name_with_other_bytes_is_refused(fake: Nix, image: BuildRequest) -> None:
    root = Path(image.root)
    root.parent.mkdir()
    root.symlink_to(image.release.out)
    with pytest.raises(FlakeshipError, match="has other bytes than the release that was verified"):
        build.build(dataclasses.replace(image, sha512="0" * 128))
    assert not root.is_symlink()
    assert len(fake.asked) == 1


def test_a_failing_build_names_the_whole_log(fake: Nix, image: BuildRequest) -> None:
    fake.answers = {"build": CommandError("failed", 1)}
    with pytest.raises(FlakeshipError, match=f"the whole log: nix log {image.release.drv}"):
        build.build(image)


def test_a_path_that_is_gone_is_named_with_its_remedy(tmp_path: Path) -> None:
    drv = tmp_path / "x.drv"
    drv.touch()
    lost = dataclasses.replace(release(1, revision="abc"), drv=str(drv))
    with pytest.raises(FlakeshipError, match=rf"build it again: nix build '{drv}\^out'"):
        build.describe(lost)
    drv.unlink()
    with pytest.raises(
        FlakeshipError, match="its derivation is gone too: evaluate web at revision"
    ):
        build.describe(lost)


def test_dropping_twice_is_fine(tmp_path: Path) -> None:
    root = tmp_path / "web"
    for ending in ("", "-drv", "-toplevel"):
        Path(f"{root}{ending}").symlink_to(tmp_path)
    store.drop(str(root))
    store.drop(str(root))
    assert list(tmp_path.iterdir()) == []
