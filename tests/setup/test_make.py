"""The real `make` in checkouts of its own: what it is given is data, and stays in this checkout."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from flakeship.system import processes
from flakeship.system.tcp import free_ports
from tests.planted import RULE, program, ssh_from
from tests.project import commit
from tests.setup.conftest import copy_checkout

OWN = (
    *("PULUMI_", "FLAKESHIP_", "NIX_CONFIG", "MAKE"),
    *("STACK", "SERVER", "FROM", "TO", "PLUGINS", "POLICY"),
)
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
"""Without what a set-up chooses; the fixtures of this folder hide the home from the tests."""

ODD = "ü x%20#1?"


class Checkout:
    """A clone with all files of this checkout, and its virtual environment."""

    def __init__(self, path: Path) -> None:
        copy_checkout(path)
        self.path = path
        settings = path / "Pulumi.dev.yaml"
        (port,) = free_ports(1)
        settings.write_text(settings.read_text().replace("8080", str(port)))
        commit(path)

    def run(self, *words: str, code: int | None = 0, **env: str) -> str:
        done = subprocess.run(
            words,
            cwd=self.path,
            env=ENVIRONMENT | env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, said
        assert "Traceback" not in said
        return said

    def stacks(self) -> set[str]:
        """The stacks in its own backend."""
        files = (self.path / ".state/backend").rglob("stacks/*/*.json")
        return {file.stem for file in files}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("make") / ODD)
    made.run("make", "setup")
    return made


HOSTILE = (  # on make's command line, or else in its environment
    ("x'; touch pwned; '", True),
    ("x'; touch pwned; '", False),
    ('"; touch pwned; "$(touch pwned)`touch pwned`', False),
    ("$(shell touch pwned)", True),
    ("$(shell touch pwned)", False),
    ("x\ntouch pwned", False),
)
GIVEN = {
    "SERVER": ("ssh", "verify"),
    "FROM": ("diff",),
    "TO": ("diff",),
    "PLUGINS": ("setup",),
    "POLICY": ("up",),
    "STACK": ("preview", "env", "destroy", "doctor", "help"),
}


@pytest.mark.parametrize(
    ("name", "target"), [(name, each) for name, targets in GIVEN.items() for each in targets]
)
def test_what_make_is_given_is_never_run(checkout: Checkout, name: str, target: str) -> None:
    for text, on_command_line in HOSTILE:
        words = (f"{name}={text}",) if on_command_line else ()
        env = {} if on_command_line else {name: text}
        said = checkout.run("make", target, *words, code=None, **env)
        assert "unexpected" not in said, text
        assert not (checkout.path / "pwned").exists(), (text, on_command_line)
    assert checkout.stacks() <= {"dev"}


@pytest.mark.parametrize(
    "name", ["..", "../../x", "a/../b", "passphrase", "env.sh", "setup.json", "id_ed25519", "-x"]
)
@pytest.mark.parametrize("target", ["up", "preview", "env", "destroy"])
def test_what_is_no_name_of_a_stack_is_refused(checkout: Checkout, name: str, target: str) -> None:
    before = sorted(checkout.path.rglob("*"))
    said = checkout.run("make", target, f"STACK={name}", code=2)
    assert "STACK: " in said
    assert f"got {name}" in said
    assert sorted(checkout.path.rglob("*")) == before


@pytest.mark.skipif(
    not processes.all_are_seen(), reason="in a container no owner of a lock is certainly gone"
)
def test_the_lock_of_a_killed_run_is_told_with_the_next_step(checkout: Checkout) -> None:
    checkout.run("make", "env")
    file = checkout.path / ".state/backend/.pulumi/locks/organization/flakeship/dev/1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    owner = {"pid": os.getpid(), "username": "me", "hostname": socket.gethostname()}
    file.write_text(json.dumps({**owner, "timestamp": "2020-01-01T00:00:00Z"}))
    said = checkout.run("make", "up", code=2)
    assert f"killed (process {os.getpid()} of me on this workstation" in said
    assert "`make recover STACK=dev`" in said
    assert "Updating" not in said
    said = checkout.run("make", "recover", "STACK=dev")
    assert f"removed the lock of process {os.getpid()} of me" in said
    assert not file.exists()
    assert "lock" not in checkout.run("make", "recover", "STACK=dev")


def test_a_checkout_may_be_in_a_folder_of_any_name(checkout: Checkout) -> None:
    said = checkout.run("make", "preview")
    assert "image-appliance-" in said
    for command in ("ssh", "verify", "diff"):
        assert "nothing is verified yet" in checkout.run("make", command, code=2)
    checkout.run("make", "destroy")
    assert checkout.run("git", "status", "--porcelain") == ""


def test_policies_refuse_an_update_before_it_makes_anything(checkout: Checkout) -> None:
    main = checkout.path / "__main__.py"
    ours = main.read_text()
    main.write_text(program(RULE, ssh_from("0.0.0.0/0")))
    try:
        assert "[advisory]  no-public-admin-ports" in checkout.run("make", "preview", "POLICY=dev")
        said = checkout.run("make", "up", "POLICY=prod", code=2)
        assert "[mandatory]  no-public-admin-ports" in said
        assert "Updating" not in said
        (state,) = (checkout.path / ".state/backend").rglob("stacks/*/dev.json")
        assert not json.loads(state.read_text())["checkpoint"]["latest"].get("resources")
    finally:
        main.write_text(ours)


def test_a_shell_of_one_checkout_acts_on_no_stack_of_another(
    checkout: Checkout, tmp_path: Path
) -> None:
    other = Checkout(tmp_path / "other")
    lines = subprocess.run(
        ["make", "env", "STACK=prod"],
        cwd=checkout.path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "prod" in checkout.stacks()
    before = checkout.stacks()

    def shell(where: Checkout, text: str, code: int | None = 0) -> str:
        return where.run("sh", "-c", f"eval {shlex.quote(lines)}; {text}", code=code)

    # in the checkout that it is for, make takes the stack of the shell
    assert "STACK=prod" in shell(checkout, "make help")
    assert "STACK=try" in shell(checkout, "STACK=try make help")
    # in another one it does not, and neither its backend
    assert "STACK=dev" in shell(other, "make help")
    shell(other, "make setup; make env")
    assert other.stacks() == {"dev"}
    salt = (checkout.path / "Pulumi.prod.yaml").read_text()
    settings = (other.path / "Pulumi.dev.yaml").read_text().partition("config:")[2]
    (other.path / "Pulumi.prod.yaml").write_text(f"{salt}config:{settings}")
    said = shell(other, "pulumi preview --stack prod --non-interactive", code=None)
    assert "prepared for another checkout" in said
    said = shell(other, ".venv/bin/python -m flakeship status", code=1)
    assert "prepared for another checkout" in said
    assert str(checkout.path) in said
    # until it is prepared for this one
    said = shell(other, 'eval "$(make env)"; flakeship status; echo "$PATH"', code=None)
    assert "prepared for another checkout" not in said
    assert f"{checkout.path}/.venv" not in said
    assert checkout.stacks() == before
