"""A command that goes on, on a server of OpenSSH's: over the connection that all commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import CommandError
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint
from tests.sshd import USER, key, missing, running

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def test_two_commands_are_talked_with_at_once(tmp_path: Path) -> None:
    mine = key(tmp_path / "mine")
    with running(tmp_path / "server", mine) as server:
        identity = str(tmp_path / "mine")
        endpoint = Endpoint("web-1", server.address, server.port, USER, identity)
        script = "sh -c 'echo ready; read -r word; echo $word; exit 3'"
        with Connection(endpoint, [server.key]) as connection:
            connection.connect(60)
            with connection.start(script, "one") as one, connection.start(script, "two") as two:
                assert [one.hear(60), two.hear(60)] == ["ready", "ready"]
                two.say("2")
                one.say("1")
                assert [one.hear(60), two.hear(60)] == ["1", "2"]
                with pytest.raises(CommandError) as caught:
                    two.finish(60)
                assert caught.value.exit_code == 3
        assert server.logins == 1


def test_who_is_left_alone_is_told_that_nothing_comes(tmp_path: Path) -> None:
    """The end of a block ends the input of the command, which sees to the rest."""
    mine, trace = key(tmp_path / "mine"), tmp_path / "trace"
    with running(tmp_path / "server", mine) as server:
        identity = str(tmp_path / "mine")
        endpoint = Endpoint("web-1", server.address, server.port, USER, identity)
        script = f"sh -c 'echo ready; cat >/dev/null; echo ended >{trace}'"
        with Connection(endpoint, [server.key]) as connection:
            connection.connect(60)
            with connection.start(script, "it") as talk:
                assert talk.hear(60) == "ready"
            assert connection.run(f"until [ -s {trace} ]; do sleep 0.1; done; cat {trace}").stdout
