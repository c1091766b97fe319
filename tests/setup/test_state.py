import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from dev.setup import environment, paths, state
from dev.setup.tools import NIX, PULUMI, Found

OWN = state.Backend("file:///checkout/.state/backend", "")
THEIRS = state.Backend("", "yours")
OUR_HOME = Path("/cache/engine/home")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout" / ".state"
    folder.parent.mkdir()
    monkeypatch.setattr(paths, "STATE", folder)
    monkeypatch.setattr(paths, "BACKEND", folder / "backend")
    monkeypatch.setattr(paths, "PASSPHRASE", folder / "passphrase")
    return folder


def own_build() -> Found:
    return Found(PULUMI, paths.cache() / "engine" / "bin" / "pulumi", "3.259.0")


def log_in(where: str) -> None:
    folder = Path.home() / ".pulumi"
    folder.mkdir(exist_ok=True)
    (folder / "credentials.json").write_text(json.dumps({"current": where}))


def test_the_backend_is_a_folder_of_the_checkout(checkout: Path) -> None:
    assert state.backend({}).url == f"file://{checkout}/backend"


def test_after_eval_make_env_the_backend_is_still_ours(checkout: Path) -> None:
    url = f"file://{checkout}/backend"
    assert state.backend({"PULUMI_BACKEND_URL": url}).url == url


@pytest.mark.parametrize("name", ["PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"])
def test_the_users_own_backend_goes_first(name: str) -> None:
    assert state.backend({name: "s3://bucket"}) == state.Backend("", f"yours: {name} is set")


def test_a_login_goes_first() -> None:
    log_in("https://api.pulumi.com")
    assert state.backend({}).why == "yours: logged in to https://api.pulumi.com"
    log_in("")
    assert state.backend({}).url


def test_secrets_are_for_their_owner_alone(checkout: Path) -> None:
    chosen = state.backend({})
    state.ensure(chosen)
    assert state.missing(chosen) == []
    modes = {file.name: file.stat().st_mode & 0o777 for file in checkout.iterdir()}
    assert modes["passphrase"] == 0o600
    assert modes["backend"] == checkout.stat().st_mode & 0o777 == 0o700


def test_the_passphrase_is_made_once(checkout: Path) -> None:
    state.ensure(state.backend({}))
    first = (checkout / "passphrase").read_text()
    state.ensure(state.backend({}))
    assert (checkout / "passphrase").read_text() == first


def test_the_users_own_backend_needs_no_passphrase_of_ours(checkout: Path) -> None:
    state.ensure(THEIRS)
    assert not (checkout / "passphrase").exists()


def test_an_ordinary_pulumi_needs_no_home_of_ours() -> None:
    assert environment.variables(None, THEIRS, {}) == {"PULUMI_SKIP_UPDATE_CHECK": "true"}


def test_an_own_build_brings_its_plugins() -> None:
    values = environment.variables(OUR_HOME, OWN, {})
    assert values["PULUMI_HOME"] == str(OUR_HOME)
    assert values["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert values["PULUMI_BACKEND_URL"] == OWN.url
    assert values["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(paths.PASSPHRASE)


def test_a_login_works_with_our_plugins_too() -> None:
    log_in("https://api.pulumi.com")
    values = environment.variables(OUR_HOME, THEIRS, {})
    assert values["PULUMI_CREDENTIALS_PATH"] == str(Path.home() / ".pulumi")
    assert "PULUMI_BACKEND_URL" not in values


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_the_users_passphrase_stays(name: str) -> None:
    values = environment.variables(OUR_HOME, OWN, {name: "x"})
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in values


def test_only_what_the_setup_brought_goes_on_path() -> None:
    nix = Found(NIX, Path("/usr/bin/nix"), "2.26.3")
    assert environment.folders([own_build(), nix]) == [paths.cache() / "engine" / "bin"]


def test_a_shell_reads_the_lines() -> None:
    text = environment.lines([Path("/a b/bin")], {"NAME": "it's"})
    assert all(line.startswith("export ") for line in text.splitlines())
    script = f'eval {shlex.quote(text)}; printf "%s\\n" "$PATH" "$NAME"'
    env = {"PATH": os.environ["PATH"]}
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=env, check=True)
    assert said.stdout.splitlines() == [
        f"/a b/bin:{os.environ['PATH']}:{paths.ROOT}/.venv/bin",
        "it's",
    ]
