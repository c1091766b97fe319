import shutil
from pathlib import Path

import pytest

from dev.setup import __main__ as main
from dev.setup import appliance, engine, environment, nix, packages, paths, plugins, record, state
from dev.setup.plugins import COMMAND
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError
from tests.setup.conftest import OPENSTACK, install, program

CHOSEN = state.Backend("", "yours")


@pytest.fixture(autouse=True)
def complete(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "FILE", tmp_path / "setup.json")
    monkeypatch.setattr(paths, "ROOTS", tmp_path / "roots")
    monkeypatch.setattr(paths, "ENV_FILE", tmp_path / "env.sh")
    paths.ENV_FILE.touch()
    monkeypatch.setattr(paths, "STACKS", tmp_path / "stacks")
    (paths.STACKS / "dev").mkdir(parents=True)
    (paths.STACKS / "dev" / "env.sh").touch()
    (paths.ROOTS / "debian").mkdir(parents=True)
    (paths.ROOTS / "debian" / "debian").symlink_to(tmp_path)
    program(Path(machine.path), "nix", "nix (Nix) 2.26.3")
    record.save(record.snapshot(machine, CHOSEN, [COMMAND]))


def is_complete(machine: Machine) -> bool:
    return record.is_complete("dev", record.snapshot(machine, CHOSEN, [COMMAND]), CHOSEN)


def test_a_complete_setup_stays_complete(machine: Machine) -> None:
    assert is_complete(machine)


def test_a_tool_that_went_away_is_seen(machine: Machine) -> None:
    (Path(machine.path) / "nix").unlink()
    assert not is_complete(machine)


def test_a_tool_that_came_is_seen(machine: Machine) -> None:
    program(Path(machine.path), "pulumi", "v3.259.0")
    assert not is_complete(machine)


def test_a_tool_of_the_cache_is_watched_too(machine: Machine) -> None:
    file = program(paths.cache() / "engine" / "bin", "pulumi", "v3.259.0")
    assert not is_complete(machine)
    record.save(record.snapshot(machine, CHOSEN, [COMMAND]))
    file.unlink()
    assert not is_complete(machine)


def test_a_plugin_that_is_wanted_too_is_seen(machine: Machine) -> None:
    wanted = [COMMAND, OPENSTACK]
    assert not record.is_complete("dev", record.snapshot(machine, CHOSEN, wanted), CHOSEN)


def test_a_plugin_that_went_away_is_seen(machine: Machine) -> None:
    install(COMMAND)
    assert not is_complete(machine)
    record.save(record.snapshot(machine, CHOSEN, [COMMAND]))
    COMMAND.program(Path.home() / ".pulumi").unlink()
    assert not is_complete(machine)


def test_a_file_that_went_away_is_seen(machine: Machine) -> None:
    paths.ENV_FILE.unlink()
    assert not is_complete(machine)


def test_another_stack_is_set_up_too(machine: Machine) -> None:
    view = record.snapshot(machine, CHOSEN, [COMMAND])
    assert record.is_complete("organization/flakeship/dev", view, CHOSEN)
    assert not record.is_complete("prod", view, CHOSEN)


def test_a_package_that_went_out_of_the_store_is_seen(machine: Machine) -> None:
    link = paths.ROOTS / "debian" / "busybox.deb"
    link.symlink_to(paths.ROOTS / "nothing")
    assert not is_complete(machine)


@pytest.mark.parametrize("emptied", [True, False], ids=["empty", "missing"])
def test_packages_without_a_root_are_seen(machine: Machine, emptied: bool) -> None:
    shutil.rmtree(paths.ROOTS)
    if emptied:
        (paths.ROOTS / "debian").mkdir(parents=True)
    assert not is_complete(machine)


def test_without_the_appliance_no_root_is_needed(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(paths.ROOTS)
    monkeypatch.setattr(appliance, "FILL", tmp_path / "fill.py")
    assert is_complete(machine)


def test_a_login_is_seen(machine: Machine) -> None:
    other = state.Backend("", "yours: logged in to https://api.pulumi.com")
    assert not record.is_complete("dev", record.snapshot(machine, other, [COMMAND]), other)


def test_no_secret_is_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "a-token")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "a-phrase")
    view = str(
        record.snapshot(machine, state.backend({"PULUMI_ACCESS_TOKEN": "a-token"}), [COMMAND])
    )
    assert "a-token" not in view
    assert "a-phrase" not in view


def test_a_failure_is_told_in_one_line_and_the_next_run_goes_on(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_machine: Machine) -> None:
        raise FlakeshipError("Nix: nix is not on PATH. Run: the official command")

    record.FILE.unlink()
    monkeypatch.setattr(Machine, "detect", classmethod(lambda _cls: machine))
    monkeypatch.setattr(state, "ensure", lambda *_args: None)
    monkeypatch.setattr(environment, "write", lambda *_args: {})
    monkeypatch.setattr(appliance, "fill", lambda _env: None)
    for module in (packages, engine, plugins):
        monkeypatch.setattr(module, "ensure", lambda *_args: None)
    monkeypatch.setattr(nix, "ensure", stop)
    assert main.main("setup") == 1
    assert capsys.readouterr().err == (
        "set-up: Nix: nix is not on PATH. Run: the official command\n"
    )
    assert not record.FILE.exists()
    monkeypatch.setattr(nix, "ensure", lambda _machine: None)
    assert main.main("setup") == 0
    assert record.FILE.exists()
