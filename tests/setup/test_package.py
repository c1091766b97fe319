"""The package: what is in the wheel, and that the target local needs no cloud's SDK."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from dev.setup import check, paths
from flakeship import __version__

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())

BLOCKED = """
import importlib, pkgutil, sys
class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {
            "openstack", "pulumi_openstack", "keystoneauth1", "requests", "pulumi_proxmoxve",
            "pulumi_policy", "urllib3", "dns", "websocket", "websockets"
        }:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
sys.meta_path.insert(0, Blocked())
import flakeship.components
for package in (flakeship, flakeship.components):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name != "flakeship.__main__" and not any(
            module.name.startswith(f"flakeship.components.{target}")
            or module.name.startswith(f"flakeship.targets.{target}")
            or module.name == "flakeship.policy.pack"
            for target in ("openstack", "proxmox")
        ):
            importlib.import_module(module.name)
            print(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as pip builds it."""
    uv = shutil.which("uv") or pytest.fail("uv is not on PATH: `make test` gets it")
    folder = tmp_path_factory.mktemp("wheel")
    argv = [str(uv), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(paths.ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_product_file_under_one_name(wheel: Path) -> None:
    tracked = {str(file.relative_to(paths.ROOT)) for file in check.tracked()}
    product = {name for name in tracked if name.startswith("flakeship/")}
    product |= {f"flakeship/{name}" for name in tracked if name.startswith("components/")}
    rules = {name for name in tracked if name.startswith("policy/") and name.endswith(".py")}
    product |= {f"flakeship/{name}" for name in rules - {"policy/__main__.py"}}
    assert {name for name in names(wheel) if ".dist-info/" not in name} == product
    assert product >= {
        "flakeship/py.typed",
        "flakeship/verify/checks/probe.sh",
        "flakeship/components/program.py",
        "flakeship/policy/pack.py",
    }


def test_the_wheel_names_its_licence_and_its_extras(wheel: Path) -> None:
    info = next(name for name in names(wheel) if name.endswith("/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(info).decode()
    assert f"Version: {__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Provides-Extra: openstack\n" in metadata
    assert "Provides-Extra: policy\n" in metadata
    assert "Provides-Extra: proxmox\n" in metadata
    assert info.replace("METADATA", "licenses/LICENSE") in names(wheel)


def test_without_an_extra_everything_but_its_target_can_be_imported(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    argv = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, 'site'){BLOCKED}"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert set(imported) >= {
        "flakeship.components.local.server",
        "flakeship.policy.admin_ports",
        "flakeship.targets.local.plan",
    }


def test_every_dependency_is_pinned() -> None:
    groups = [
        PROJECT["build-system"]["requires"],
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    for requirement in (each for group in groups for each in group):
        pinned = re.fullmatch(r"[\w-]+(\[[\w,-]+\])?==[\w.]+|flakeship\[[\w,]+\]", requirement)
        assert pinned, requirement


@pytest.mark.parametrize("extra", ["", "openstack", "policy", "proxmox"])
def test_every_dependency_is_used(extra: str) -> None:
    project = PROJECT["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    modules = {name.partition("==")[0].replace("-", "_") for name in listed}
    named = {
        "openstacksdk": "openstack",
        "pyyaml": "yaml",
        "cyclonedx_python_lib": "cyclonedx",
        "dnspython": "dns",
    }  # otherwise than their packages
    modules = {named.get(name, name) for name in modules}
    sources = [
        file.read_text()
        for folder in ("flakeship", "components", "policy")
        for file in (paths.ROOT / folder).rglob("*.py")
    ]
    for module in modules:
        pattern = re.compile(rf"^\s*(?:import|from) {module}\b", re.MULTILINE)
        assert any(pattern.search(text) for text in sources), module
