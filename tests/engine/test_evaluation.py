"""The real Nix evaluates the tiny flake, in whatever way it is named and whatever it says."""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.flake import FlakeReference
from flakeship.nix.evaluate import Evaluated, Evaluator
from flakeship.system.process import run
from tests.engine.conftest import HERE, Tiny
from tests.project import commit

ODD = "ü x%20#1?"
RELEASE = 'flakeship.tiny.qemu = release "tiny"'
IFD = """(builtins.readFile (derivation {
  name = "generated-TOKEN";
  system = "x86_64-linux";
  builder = "/bin/sh";
  args = [ "-c" "printf generated > $out" ];
}))"""


def ifd() -> str:
    """A release that depends on a build that no other test has done."""
    return f"{RELEASE} {IFD.replace('TOKEN', uuid.uuid4().hex)}"


@dataclass(frozen=True)
class Repository:
    """A git repository that has the tiny flake in the folder `nix`, and the keys beside it."""

    path: Path

    @property
    def flake(self) -> Path:
        return self.path / "nix"

    def change(self, before: str, after: str) -> None:
        file = self.flake / "flake.nix"
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))
        commit(self.path)

    def evaluator(self, text: str = "") -> Evaluator:
        return Evaluator(FlakeReference.parse(text or str(self.flake)), self.path / "access")

    def evaluate(self, text: str = "") -> Evaluated:
        return self.evaluator(text).evaluate("tiny", "qemu")


@pytest.fixture(params=["plain", ODD])
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """By a name without and one with what a URL has to encode."""
    assert shutil.which("nix"), "nix is not on PATH: run the tests by `make test`"
    made = Repository(tmp_path / str(request.param))
    shutil.copytree(HERE / "flake", made.flake)
    (made.path / "access").mkdir()
    (made.path / "access/authorized_keys").write_text("ssh-ed25519 AAAA\n")
    run(["git", "init", "-q", made.path])
    commit(made.path)
    monkeypatch.chdir(made.path)
    settings = "sandbox = false\naccept-flake-config = true\n"
    monkeypatch.setenv("NIX_CONFIG", settings + os.environ.get("NIX_CONFIG", ""))
    return made


def refusal(repository: Repository, text: str = "") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        repository.evaluate(text)
    return raised.value


def test_every_way_to_name_a_flake_gives_the_same_release(repository: Repository) -> None:
    encoded = str(repository.path).replace(ODD, "%C3%BC%20x%2520%231%3F")
    found = {
        repository.evaluate(text).release
        for text in (
            str(repository.flake),
            "./nix",
            "./?dir=nix",
            f"{repository.path}?dir=nix",
            "./nix?submodules=1",
            f"git+file://{encoded}?dir=nix",
            "git+file:.?dir=nix",
            f"path:{encoded}/nix",
        )
    }
    assert len(found) == 1


def test_a_submodule_is_part_of_the_flake_where_it_is_asked_for(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "part"
    part.mkdir()
    (part / "text").write_text("in-a-submodule")
    run(["git", "init", "-q", part])
    commit(part)
    allowed = {"COUNT": "1", "KEY_0": "protocol.file.allow", "VALUE_0": "always"}
    for name, value in allowed.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    run(["git", "-C", repository.flake, "submodule", "--quiet", "add", part, "part"])
    repository.change("./text", "./part/text")
    error = refusal(repository)
    assert error.code == "evaluation-failed"
    assert "nix/part" in error.remedy
    assert "?submodules=1" in error.remedy
    for text in ("./nix?submodules=1", "git+file:.?dir=nix&submodules=1"):
        assert repository.evaluate(text).release.host == "tiny"


def test_import_from_derivation_is_refused_until_it_is_allowed(repository: Repository) -> None:
    repository.change(f"{RELEASE} (builtins.readFile ./text)", ifd())
    error = refusal(repository)
    assert error.code == "import-from-derivation"
    assert "-generated-" in error.what
    assert not error.details
    allowed = replace(repository.evaluator(), may_build=True)
    (built,) = allowed.evaluate("tiny", "qemu").built
    assert "-generated-" in built


def test_a_flake_cannot_allow_it_for_itself(repository: Repository) -> None:
    """Not even where the user accepts the settings of flakes."""
    repository.change(f"{RELEASE} (builtins.readFile ./text)", ifd())
    repository.change(
        "  outputs =", "  nixConfig.allow-import-from-derivation = true;\n  outputs ="
    )
    assert refusal(repository).code == "import-from-derivation"


def test_what_nix_says_is_there_once(repository: Repository) -> None:
    repository.change(
        RELEASE, f'flakeship.tiny.qemu = builtins.trace "evaluation warning: old" {RELEASE[22:]}'
    )
    (repository.flake / "flake.lock").unlink(missing_ok=True)
    locked = repository.evaluator().locked()
    assert locked.fingerprint
    assert locked.messages == ()
    assert repository.evaluate().messages == ("old",)
    assert repository.evaluate().messages == ()  # from the cache: release.desired remembers it
    assert repository.evaluator().locked() == locked
    (repository.path / "access/authorized_keys").write_text("ssh-ed25519 BBBB\n")
    assert repository.evaluator().locked().fingerprint != locked.fingerprint
    assert repository.evaluate().messages == ("old",)


def test_a_flake_that_has_no_keys_in_its_images_is_told(repository: Repository) -> None:
    text = (repository.flake / "flake.nix").read_text()
    start, end = text.index("  inputs.access"), text.index("  outputs")
    (repository.flake / "flake.nix").write_text(text[:start] + text[end:])
    repository.change("access, ...", "...")
    repository.change('"${access}/authorized_keys"', "./text")
    assert any("access" in message for message in repository.evaluator().locked().messages)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("out = image.outPath", "out = toplevel.outPath", "manifest-invalid"),
        ("drv = image.drvPath", "drv = toplevel.drvPath", "manifest-invalid"),
        ("drv = image.drvPath", f'drv = "/nix/store/{"0" * 32}-x.drv"', "manifest-invalid"),
        ("drv = image.drvPath", "drv = image.outPath", "manifest-invalid"),
    ],
)
def test_a_manifest_that_contradicts_its_derivation_is_refused(
    repository: Repository, before: str, after: str, code: str
) -> None:
    repository.change(before, after)
    assert refusal(repository).code == code


def test_a_system_without_a_builder_is_refused(repository: Repository) -> None:
    name = 'name = "image-${host}";\n            system = '
    repository.change(f'{name}"x86_64-linux"', f'{name}"riscv64-linux"')
    error = refusal(repository)
    assert (error.code, error.given) == ("builder-missing", "riscv64-linux")


def test_a_host_with_a_dot_in_its_name(repository: Repository) -> None:
    repository.change("flakeship.other.qemu", 'flakeship."web.example.org".qemu')
    repository.change('release "other" "other"', 'release "web.example.org" "other"')
    found = repository.evaluator().evaluate("web.example.org", "qemu")
    assert found.release.host == "web.example.org"


def test_a_host_that_is_not_there(repository: Repository) -> None:
    with pytest.raises(SettingError) as raised:
        repository.evaluator().evaluate("tony", "qemu")
    assert (raised.value.code, raised.value.allowed) == ("host-missing", "other, tiny")


def test_a_preview_shows_what_nix_says_also_from_the_cache(project: Tiny) -> None:
    flake = project.path / "flake/flake.nix"
    trace = 'builtins.trace "evaluation warning: old option" '
    flake.write_text(flake.read_text().replace('= release "', f'= {trace}release "'))
    project.commit()
    project.config("servers[1].name", "side")
    project.config("servers[1].host", "other")
    for _ in range(2):
        said = project.preview()
        assert "tiny.qemu, other.qemu: old option" in said
    project.up()
    assert "old option" in project.preview()
    project.write("two")
    assert "old option" in project.preview()
    flake.write_text(flake.read_text().replace(trace, ""))
    project.commit()
    assert "old option" not in project.preview()


def test_a_preview_builds_nothing_until_a_setting_allows_it(project: Tiny) -> None:
    flake = project.path / "flake/flake.nix"
    text = "(builtins.readFile ./text)"
    flake.write_text(flake.read_text().replace(f"{RELEASE} {text}", ifd()))
    project.commit()
    said = project.preview(check=False)
    assert "import from derivation" in said
    assert "flakeship:allowImportFromDerivation" in said
    assert said.count("error: ") <= 3  # the live view repeats it
    project.config("allowImportFromDerivation", "true")
    said = project.preview()
    assert "allowImportFromDerivation" in said
    assert "-generated-" in said
    assert "image-tiny-" in said
