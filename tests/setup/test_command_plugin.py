"""The command plugin, whichever way it came, does what is documented; ours cancels well."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dev.setup import gobuild, paths

ENVIRONMENT = dict(os.environ)
"""As `make env` made it: the fixtures of this folder hide it from the tests."""

PROGRAM = """
import json, os
import pulumi
from pulumi_command import local
r = local.Command("it", **json.loads(os.environ["COMMAND"]))
pulumi.export("stdout", r.stdout)
pulumi.export("stderr", r.stderr)
"""


class Stack:
    """One stack with one Command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = ENVIRONMENT | {
            "PULUMI_BACKEND_URL": folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
        }
        (folder / "__main__.py").write_text(PROGRAM)
        runtime = {"name": "python", "options": {"virtualenv": str(paths.ROOT / ".venv")}}
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "command", "runtime": runtime}))
        self.pulumi("stack", "init", "test")

    def pulumi(self, *words: str) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, **args: object) -> dict[str, str]:
        self.env["COMMAND"] = json.dumps(args)
        self.pulumi("up", "--yes", "--skip-preview")
        outputs: dict[str, str] = json.loads(self.pulumi("stack", "output", "--json"))
        return outputs


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    if not shutil.which("pulumi"):
        pytest.fail('pulumi is not on PATH: `make test`, or first eval "$(make env)"')
    return Stack(tmp_path)


def test_the_life_of_a_command(stack: Stack) -> None:
    args = {
        "create": 'cat; echo "$WHO" >&2',
        "update": 'echo "updated $PULUMI_COMMAND_STDOUT"',
        "delete": "touch gone",
        "stdin": "hello\n",
    }
    said = stack.up(**args, environment={"WHO": "world"}, triggers=[1])
    assert said == {"stdout": "hello", "stderr": "world"}
    said = stack.up(**args, environment={"WHO": "all"}, triggers=[1])
    assert said == {"stdout": "updated hello", "stderr": ""}
    said = stack.up(**args, environment={"WHO": "all"}, triggers=[2])
    assert said == {"stdout": "hello", "stderr": "all"}
    assert (stack.folder / "gone").exists()


def is_own_build() -> bool:
    return shutil.which("pulumi") == str(gobuild.engine() / gobuild.CLI.program)


@pytest.mark.skipif(not is_own_build(), reason="what the published plugin does is not known")
def test_a_script_that_writes_no_utf8_has_run_all_the_same(stack: Stack) -> None:
    assert stack.up(create=r"printf 'caf\351\n'")["stdout"] == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.skipif(not is_own_build(), reason="the published plugin hangs for good")
@pytest.mark.parametrize(
    ("length", "logging", "works"),
    [
        (65535, "stderr", True),
        (65536, "stderr", False),
        (300_000, "stderr", False),
        (300_000, "stdout", True),
    ],
)
def test_a_long_line_is_refused_where_the_published_plugin_would_hang(
    stack: Stack, length: int, logging: str, works: bool
) -> None:
    script = f"head -c {length} /dev/zero | tr '\\0' x >&2; echo >&2; echo done"
    if works:
        assert stack.up(create=script, logging=logging)["stdout"] == "done"
        return
    with pytest.raises(AssertionError, match="a line of more than 65535 bytes"):
        stack.up(create=script, logging=logging)


@pytest.mark.skipif(not is_own_build(), reason="the published plugin kills a cancelled script")
def test_a_cancelled_script_cleans_up_and_leaves_no_process(stack: Stack) -> None:
    script = (
        "trap 'sleep 0.2; echo done >cleaned; exit 1' INT; sleep 300 & echo $! >child; "
        "mv child started; wait"
    )
    stack.env["COMMAND"] = json.dumps({"create": script})
    up = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=stack.folder, env=stack.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    started = stack.folder / "started"
    try:
        deadline = time.monotonic() + 60
        while not started.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        up.send_signal(signal.SIGINT)
        assert up.wait(60) != 0
    finally:
        up.kill()
        up.wait()
    assert (stack.folder / "cleaned").exists()
    assert not runs(started.read_text().strip())


def runs(pid: str) -> bool:
    """Whether a process runs; one that only waits for its parent to notice its end does not."""
    stat = Path("/proc", pid, "stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
