"""The manifest arrives as it was written: the real flake and Nix, with a stub for nixpkgs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import SettingError
from flakeship.nix import evaluate, store
from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix.known import HERE, HOSTS, KEY, VARIANTS
from tests.project import ROOT, commit

TINY = """
{
  inputs.access = { url = "path:./access"; flake = false; };
  outputs = _: {
    flakeship.web.qemu = import ./release.nix {
      image = derivation { name = "disk"; system = "x86_64-linux"; builder = "/bin/sh"; };
      config = builtins.fromJSON (builtins.readFile ./config.json) // {
        system.build.toplevel =
          derivation { name = "system"; system = "x86_64-linux"; builder = "/bin/sh"; };
      };
    };
  };
}
"""
CONFIG: dict[str, Any] = {
    "flakeship": {
        "host": "web",
        "variant": "qemu",
        "version": "2026.7",
        "memory": 768,
        "user": "admin",
        "rebuildable": False,
        "switchable": False,
        "image": {
            "format": "raw.zst",
            "firmware": "hybrid",
            "agent": True,
            "disk": 4096,
            "files": ["images/web.raw"],
        },
    },
}


def flake(path: Path, config: dict[str, Any]) -> str:
    """A flake whose only host says this of itself, and whose manifest nix/lib makes."""
    (path / "access").mkdir()
    (path / "access/authorized_keys").touch()
    (path / "flake.nix").write_text(TINY)
    (path / "config.json").write_text(json.dumps(config))
    for file in ("release.nix", "manifest.nix", "manifest.schema.json"):
        shutil.copy(ROOT / "nix/lib" / file, path)
    run(["git", "init", "-q", path])
    commit(path)
    return str(path)


def test_every_field_arrives_with_its_type(tmp_path: Path) -> None:
    found = evaluate.evaluate(flake(tmp_path, CONFIG), "web", "qemu", tmp_path / "access")
    assert (found.host, found.variant, found.version) == ("web", "qemu", "2026.7")
    assert (found.memory, found.user, found.disk) == (768, "admin", 4096)
    assert (found.format, found.firmware, found.agent) == ("raw.zst", "hybrid", True)
    assert (found.files, found.system) == (("images/web.raw",), "x86_64-linux")
    assert (found.rebuildable, found.switchable) == (False, False)
    assert found.drv.endswith("-disk.drv")
    assert found.out.endswith("-disk")
    assert found.toplevel.endswith("-system")
    assert Path(found.drv).is_file()
    assert not Path(found.out).exists()


@pytest.mark.parametrize("host", HOSTS)
def test_a_file_in_hosts_is_a_host_in_every_variant(stubbed: Path, access: Path, host: str) -> None:
    argv = [*NIX, "eval", "--json", f"{stubbed}#flakeship.{host}", "--apply"]
    assert json.loads(run([*argv, "builtins.attrNames"]).stdout) == sorted(VARIANTS)
    found = evaluate.evaluate(str(stubbed), host, VARIANTS[0], access)
    assert (found.host, found.variant) == (host, VARIANTS[0])
    image = store.derivation(found.drv)
    assert image["env"]["keys"] == KEY
    assert image["name"] == f"image-{host}-{VARIANTS[0]}"


def test_image_and_manifest_have_the_same_names(stubbed: Path, access: Path) -> None:
    override = ["--override-input", "access", f"path:{access}", "--no-write-lock-file"]
    packages = [f"{stubbed}#legacyPackages.x86_64-linux.web.{variant}" for variant in VARIANTS]
    images = run([*NIX, "path-info", "--derivation", *packages, *override]).stdout.split()
    found = [evaluate.evaluate(str(stubbed), "web", each, access).drv for each in VARIANTS]
    assert sorted(images) == sorted(found)


@pytest.mark.parametrize(
    ("asked", "key", "remedy"),
    [
        ("wep.qemu", "flakeship:host", "did you mean web?"),
        ("web.vmdk", "flakeship:variant", ""),
    ],
)
def test_a_missing_host_or_variant_is_refused_with_those_that_exist(
    stubbed: Path, access: Path, asked: str, key: str, remedy: str
) -> None:
    host, variant = asked.split(".")
    with pytest.raises(SettingError) as raised:
        evaluate.evaluate(str(stubbed), host, variant, access)
    assert (raised.value.key, raised.value.remedy) == (key, remedy)
    assert raised.value.allowed == ", ".join(sorted(HOSTS if key.endswith("host") else VARIANTS))


@pytest.fixture
def ours(stubbed: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A repository that is made from a template, by its name."""

    def make(template: str) -> Path:
        path = tmp_path / "ours"
        path.mkdir()
        run([*NIX, "flake", "init", "-t", f"{stubbed}#{template}"], cwd=path)
        run(["git", "init", "-q", path])
        commit(path)
        stubs = {"flakeship": f"path:{stubbed}", "nixpkgs": f"path:{HERE / 'stub'}"}
        override = [w for name, where in stubs.items() for w in ("--override-input", name, where)]
        run([*NIX, "flake", "lock", path, *override])
        commit(path)
        return path

    return make


def test_the_template_of_a_server_has_a_host(ours: Callable[[str], Path], access: Path) -> None:
    found = evaluate.evaluate(str(ours("default")), "web", "qemu", access)
    assert (found.host, found.variant) == ("web", "qemu")


def test_the_template_of_a_fleet_has_a_machine(ours: Callable[[str], Path]) -> None:
    """What the stub makes of it has the modules, not what they say."""
    names = "builtins.mapAttrs (_: m: [ m.config.flakeship.host (builtins.length m.modules) ])"
    argv = [*NIX, "eval", "--json", f"{ours('fleet')}#nixosConfigurations", "--apply", names]
    assert json.loads(run(argv).stdout) == {"example": ["example", 2]}


def test_every_template_is_offered(stubbed: Path) -> None:
    argv = [*NIX, "eval", "--json", f"{stubbed}#templates", "--apply"]
    offered = json.loads(run([*argv, "builtins.mapAttrs (_: t: baseNameOf t.path)"]).stdout)
    folders = {folder.name for folder in (ROOT / "nix/templates").iterdir()}
    assert set(offered.values()) == folders


def test_every_module_has_the_name_of_its_file(stubbed: Path) -> None:
    exist = "builtins.mapAttrs (_: module: builtins.pathExists module)"
    argv = [*NIX, "eval", "--json", f"{stubbed}#nixosModules", "--apply", exist]
    files = {file.stem for file in (ROOT / "nix/modules").glob("*.nix")} - {"names"}
    assert json.loads(run(argv).stdout) == dict.fromkeys(files | {"bare-metal", "disk"}, True)
