import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from dev.setup import environment, paths, plugins, record, state
from dev.setup.tools import NIX, PULUMI, Found
from flakeship.model.errors import FlakeshipError
from flakeship.ssh import keys
from flakeship.state import choice

OWN = state.Backend("file:///checkout/.state/backend", "")
THEIRS = state.Backend("", "yours")
OUR_HOME = Path("/cache/engine/home")
SET_UP = (paths.ENV_FILE, paths.BACKEND, paths.STACKS, paths.ROOTS, plugins.CACHE, record.FILE)
OWN_FILES = (keys.OWN_KEY.name, keys.OWN_KEY.with_suffix(".pub").name)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout" / ".state"
    folder.parent.mkdir()
    monkeypatch.setattr(paths, "STATE", folder)
    monkeypatch.setattr(paths, "BACKEND", folder / "backend")
    monkeypatch.setattr(paths, "STACKS", folder / "stacks")
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
    state.ensure("prod", chosen, {})
    assert state.missing("prod", chosen, {}) == []
    assert state.missing("staging", chosen, {}) == [checkout / "stacks/staging/passphrase"]
    folders = [checkout / name for name in (".", "backend", "stacks", "stacks/prod")]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert (checkout / "stacks/prod/passphrase").stat().st_mode & 0o777 == 0o600


def test_each_stack_has_a_passphrase_that_is_made_once(checkout: Path) -> None:
    for stack in ("prod", "organization/flakeship/staging", "prod"):
        state.ensure(stack, state.backend({}), {})
        with (checkout / "stacks" / Path(stack).name / "passphrase").open("a") as file:
            file.write("kept")
    first, second = (
        (checkout / f"stacks/{stack}/passphrase").read_text().splitlines()
        for stack in ("prod", "staging")
    )
    assert first[1:] == ["keptkept"]
    assert len(first[0]) > 40
    assert first[0] != second[0]


@pytest.mark.parametrize("chosen", [OWN, THEIRS])
@pytest.mark.parametrize("env", [{}, {"PULUMI_CONFIG_PASSPHRASE": "x"}])
def test_the_embedded_stack_has_the_public_passphrase(
    checkout: Path, chosen: state.Backend, env: dict[str, str]
) -> None:
    state.ensure("dev", chosen, env)
    assert state.passphrase("dev", chosen, env) == paths.PUBLIC_PASSPHRASE
    assert not list(checkout.glob("stacks/*/passphrase"))


@pytest.mark.parametrize(
    ("chosen", "env"),
    [
        (THEIRS, {}),
        (OWN, {"PULUMI_CONFIG_PASSPHRASE": ""}),
        (OWN, {"PULUMI_CONFIG_PASSPHRASE_FILE": "/etc/passphrase"}),
    ],
)
def test_the_users_own_backend_or_passphrase_needs_none_of_ours(
    checkout: Path, chosen: state.Backend, env: dict[str, str]
) -> None:
    state.ensure("prod", chosen, env)
    assert state.passphrase("prod", chosen, env) is None
    assert not list(checkout.glob("stacks/*/passphrase"))


def test_a_stack_keeps_the_passphrase_that_it_was_made_with(checkout: Path) -> None:
    state.ensure("prod", OWN, {})
    for chosen, env in ((OWN, {"PULUMI_CONFIG_PASSPHRASE": "x"}), (THEIRS, {})):
        assert state.passphrase("prod", chosen, env) == checkout / "stacks/prod/passphrase"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_after_eval_make_env_a_passphrase_of_ours_is_not_taken_for_the_users(
    checkout: Path, stack: str
) -> None:
    state.ensure(stack, OWN, {})
    file = state.passphrase(stack, OWN, {})
    env = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    assert not state.own_passphrase(env)
    assert state.passphrase("staging", OWN, env) == checkout / "stacks/staging/passphrase"


def test_an_ordinary_pulumi_needs_no_home_of_ours() -> None:
    known = {"PULUMI_SKIP_UPDATE_CHECK": "true", "UV_FROZEN": "1"}
    assert environment.variables(None, THEIRS, {}) == known


def test_an_own_build_brings_its_plugins() -> None:
    values = environment.variables(OUR_HOME, OWN, {})
    assert values["PULUMI_HOME"] == str(OUR_HOME)
    assert values["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert values["PULUMI_BACKEND_URL"] == OWN.url


def test_a_login_works_with_our_plugins_too() -> None:
    log_in("https://api.pulumi.com")
    values = environment.variables(OUR_HOME, THEIRS, {})
    assert values["PULUMI_CREDENTIALS_PATH"] == str(Path.home() / ".pulumi")
    assert "PULUMI_BACKEND_URL" not in values


def shell(text: str, *names: str, **env: str) -> list[str]:
    """The values of variables after a shell has read some lines."""
    script = "".join(f'; echo "${{{name}-unset}}"' for name in names)
    argv = ["sh", "-c", f"eval {shlex.quote(text)}{script}"]
    env = {"PATH": os.environ["PATH"]} | env
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
    return done.stdout.splitlines()


def test_a_stacks_lines_choose_it_and_its_passphrase() -> None:
    text = environment.stack_lines("prod", Path("/a b/passphrase"))
    names = ("FLAKESHIP_STACK", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    env = {"PULUMI_CONFIG_PASSPHRASE": "of another stack"}
    assert shell(text, *names, **env) == ["prod", "unset", "/a b/passphrase"]


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_the_users_passphrase_stays(name: str) -> None:
    text = environment.stack_lines("prod", None)
    assert shell(text, "FLAKESHIP_STACK", name, **{name: "x"}) == ["prod", "x"]


def test_only_what_the_setup_brought_goes_on_path() -> None:
    nix = Found(NIX, Path("/usr/bin/nix"), "2.26.3")
    assert environment.folders([own_build(), nix]) == [paths.cache() / "engine" / "bin"]


def test_a_shell_reads_the_lines() -> None:
    text = environment.lines([Path("/a b/bin")], {"NAME": "it's"})
    assert all(line.startswith(("export ", "case ")) for line in text.splitlines())
    assert shell(text, "PATH", "NAME", "FLAKESHIP_CHECKOUT") == [
        f"/a b/bin:{os.environ['PATH']}:{paths.ROOT}/.venv/bin",
        "it's",
        str(paths.ROOT),
    ]


OTHER = "/other checkout"


def test_a_backend_or_passphrase_of_another_checkout_is_not_the_users(checkout: Path) -> None:
    """As after `eval "$(make env)"` there."""
    url = Path(f"{OTHER}/.state/backend").as_uri()
    assert state.backend({"PULUMI_BACKEND_URL": url}).url == f"file://{checkout}/backend"
    for file in (".state/stacks/prod/passphrase", "dev/public-passphrase"):
        assert not state.own_passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": f"{OTHER}/{file}"})


def test_the_lines_of_one_checkout_take_the_place_of_those_of_another() -> None:
    theirs = {
        "FLAKESHIP_CHECKOUT": OTHER,
        "PULUMI_BACKEND_URL": Path(f"{OTHER}/.state/backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": f"{OTHER}/.state/stacks/prod/passphrase",
        "PATH": f"{os.environ['PATH']}:{OTHER}/.venv/bin",
    }
    names = ("PATH", "FLAKESHIP_CHECKOUT", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE")
    text = environment.lines([], {}) + environment.stack_lines("prod", None)
    assert shell(text, *names, **theirs) == [
        f"{os.environ['PATH']}:{paths.ROOT}/.venv/bin",
        str(paths.ROOT),
        "unset",
        "unset",
    ]
    users = theirs | {
        "PULUMI_BACKEND_URL": "s3://bucket",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/home/me/passphrase",
    }
    assert shell(text, *names, **users)[2:] == ["s3://bucket", "/home/me/passphrase"]


def test_every_file_of_the_set_up_is_no_name_of_a_stack(checkout: Path) -> None:
    names = {each.relative_to(paths.ROOT / ".state").parts[0] for each in SET_UP}
    assert names | set(OWN_FILES) <= choice.RESERVED
    for name in choice.RESERVED:
        with pytest.raises(FlakeshipError) as refused:
            state.ensure(name, OWN, {})
        assert (refused.value.code, refused.value.key) == ("stack-name-invalid", "STACK")
        assert refused.value.given == name
    assert not checkout.exists()


@pytest.mark.parametrize(
    "name", ["..", "../x", ".", "a/../b", "a/b/c/d", "/", "-x", "", "a b", "x;y"]
)
def test_what_is_no_name_of_a_stack_is_no_folder(checkout: Path, name: str) -> None:
    with pytest.raises(FlakeshipError) as refused:
        state.ensure(name, OWN, {})
    assert refused.value.code == "stack-name-invalid"
    assert not checkout.exists()
