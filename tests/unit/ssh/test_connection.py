from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh import connection as ssh
from flakeship.ssh import errors
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system import tcp, waiting
from flakeship.system.process import Result
from tests.unit.verify.machines import (
    ED25519,
    FINGERPRINT,
    Behaviour,
    Process,
    says,
    server,
    silent,
    slirp,
)

ENDPOINT = Endpoint("web-1", "127.0.0.1", 22022, "nixos")


class Ssh:
    """Stands for process.run and start: records argv, answers logins with the logs it is given."""

    def __init__(self, *logins: tuple[int, str]) -> None:
        self.logins = list(logins)
        self.calls: list[list[str]] = []

    def run(self, argv: list[str], **_: object) -> Result:
        self.calls.append([str(word) for word in argv])
        return Result(0, "said", "")

    @contextmanager
    def start(self, argv: list[str], **_: object) -> Iterator[Process]:
        self.calls.append([str(word) for word in argv])
        code, log = self.logins.pop(0) if len(self.logins) > 1 else self.logins[0]
        Path(argv[argv.index("-E") + 1]).write_text(log)
        if code == 0:
            Path(argv[argv.index("-E") + 1]).with_name("control").touch()
        yield Process(code or None)


Fake = Callable[..., Ssh]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    def put(*logins: tuple[int, str]) -> Ssh:
        made = Ssh(*logins)
        monkeypatch.setattr(ssh, "run", made.run)
        monkeypatch.setattr(ssh, "start", made.start)
        return made

    monkeypatch.setattr(ssh, "AFTER_REFUSAL", 0)
    return put


def test_one_login_for_all_commands(fake: Fake) -> None:
    run = fake((0, ""))
    with server(says(b"SSH-2.0-x\r\n")) as port:
        endpoint = Endpoint("web-1", "127.0.0.1", port, "nixos")
        with ssh.Connection(endpoint, [ED25519]) as connection:
            directory = connection._directory
            assert directory.stat().st_mode & 0o777 == 0o700
            assert (directory / "known_hosts").read_text() == f"web-1 {ED25519}\n"
            connection.connect(1)
            assert connection.run("ls -l").stdout == "said"
            connection.attempt("root")
    base = SshOptions(endpoint, [ED25519], directory / "known_hosts").argv()
    control = ["-o", f"ControlPath={directory}/control"]
    master, command, root = run.calls
    log = ["-v", "-E", master[-2]]
    own = ["-o", "ControlMaster=yes", "-N"]
    assert master == [*base, *control, *own, *log, "nixos@127.0.0.1"]
    assert command == [*base, *control, "-o", "ControlMaster=no", "nixos@127.0.0.1", "ls -l"]
    assert root == [*base, "-o", "ControlPath=none", "-v", "-E", root[-3], "root@127.0.0.1", "true"]
    assert not directory.exists()
    assert len(f"{directory}/control.0123456789abcdef") < 104


@pytest.mark.parametrize(("alive", "why"), [(255, "reset by peer"), (0, "a signal ended")])
def test_a_command_without_an_exit_code(
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    alive: int,
    why: str,
) -> None:
    fake((0, "debug1: x\nConnection reset by peer\n"))

    def run(argv: list[str], **_: object) -> Result:
        return Result(alive if "check" in argv else 255, "begun", "")

    monkeypatch.setattr(ssh, "run", run)
    with ssh.Connection(ENDPOINT, [ED25519]) as connection:
        connection._log_in()
        assert connection.run("sleep 9", check=False) == Result(255, "begun", "")
    assert why in caplog.text


def test_forwards_of_a_jump_host(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "free_ports", lambda count: [4711] * count)
    run = fake((0, ""))
    with ssh.Connection(ENDPOINT, [ED25519]) as connection:
        assert connection.forward("10.0.0.2", 80) == 4711
        assert connection.forward("fd66::1", 22) == 4711
        assert connection.socks() == 4711
        connection._log_in()
        directory = connection._directory
    base = SshOptions(ENDPOINT, [ED25519], directory / "known_hosts").argv()
    base += ["-o", f"ControlPath={directory}/control"]
    *forwards, _ = run.calls
    assert forwards == [
        [*base, "-O", "forward", "-L", "127.0.0.1:4711:10.0.0.2:80", "nixos@127.0.0.1"],
        [*base, "-O", "forward", "-L", "127.0.0.1:4711:[fd66::1]:22", "nixos@127.0.0.1"],
        [*base, "-O", "forward", "-D", "127.0.0.1:4711", "nixos@127.0.0.1"],
    ]
    assert not any("ForwardAgent" in word or word == "-A" for call in run.calls for word in call)


def test_a_forward_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Result:
        raise CommandError("mux_client_forward: forwarding request failed")

    monkeypatch.setattr(ssh, "run", refuse)
    connection = ssh.Connection(ENDPOINT, [ED25519])
    with (
        connection,
        pytest.raises(errors.UnreachableError, match="forwards nothing: mux_") as raised,
    ):
        connection.socks()
    assert (raised.value.code, raised.value.key) == ("ssh-unreachable", "web-1")


FORWARDS = """\
debug1: Connection to port 20620 forwarding to 10.0.0.2 port 22 requested.\r
channel 2: open failed: connect failed: No route to host\r
channel 3: open failed: connect failed: No route to host\r
debug1: channel 4: open failed: nothing\r
channel 4: open failed: administratively prohibited: open failed\r
channel 5: open failed: connect failed: No route to host\r
"""


def test_why_forwards_fail_the_latest_reason_last(fake: Fake) -> None:
    fake((0, FORWARDS))
    with ssh.Connection(ENDPOINT, [ED25519]) as connection:
        connection._log_in()
        assert connection.forward_faults == [
            "administratively prohibited: open failed",
            "connect failed: No route to host",
        ]


def test_a_server_that_is_up_gets_one_connection(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fake((255, DENIED))
    monkeypatch.setattr(ssh, "await_banner", lambda *_: pytest.fail("its banner is awaited"))
    with (
        ssh.Connection(ENDPOINT, [ED25519]) as connection,
        pytest.raises(errors.LoginRefusedError),
    ):
        connection.connect(10, up=True)
    assert len(run.calls) == 1


def ssh_log(name: str) -> str:
    return (Path(__file__).with_name("recorded") / f"{name}.log").read_text()


REFUSED_KEY = f"debug1: Server host key: {FINGERPRINT}\r\nHost key verification failed.\r\n"
DENIED = """\
debug1: Offering public key: me ED25519 SHA256:l1Ds agent\r
debug1: Authentications that can continue: publickey\r
nixos@127.0.0.1: Permission denied (publickey).\r
"""


@pytest.mark.parametrize(
    ("log", "kind", "message", "logins"),
    [
        (
            REFUSED_KEY,
            errors.HostKeyRefusedError,
            f"{FINGERPRINT} was shown, {FINGERPRINT} was ex",
            1,
        ),
        (
            "Unable to negotiate: no matching host key type found",
            errors.HostKeyRefusedError,
            "U",
            1,
        ),
        (DENIED, errors.LoginRefusedError, "with the keys of your agent .SHA256:l1Ds.: ", 3),
        (ssh_log("locked"), errors.UnsignedError, "not signed: the server takes the key", 0),
        (ssh_log("agent-refuses"), errors.UnsignedError, "not signed: the server takes the key", 0),
        (ssh_log("no-key"), errors.NoKeyError, "not signed: no key was offered", 3),
        (
            ssh_log("unknown-key"),
            errors.LoginRefusedError,
            "the server refuses the login of nixos",
            3,
        ),
        (
            "debug1: x\nConnection reset by peer\n",
            errors.UnreachableError,
            "Connection reset by",
            0,
        ),
        (
            "",
            errors.UnreachableError,
            "within 0 s; the last error: ssh ended with exit code 255",
            0,
        ),
    ],
    ids=[
        *("host key", "key type", "denied", "locked key", "agent refuses", "no key"),
        *("unknown key", "reset", "silence"),
    ],
)
def test_why_a_login_fails(
    fake: Fake, log: str, kind: type[FlakeshipError], message: str, logins: int
) -> None:
    run = fake((255, log))
    with server(says(b"SSH-2.0-x\r\n")) as port:
        endpoint = Endpoint("web-1", "127.0.0.1", port, "nixos")
        connection = ssh.Connection(endpoint, [ED25519])
        with connection, pytest.raises(kind, match=message.replace("+", r"\+")):
            connection.connect(0.3)
    assert len(run.calls) == logins or (not logins and run.calls)


def test_a_key_that_is_confirmed_late(fake: Fake) -> None:
    """What is not signed is no refusal: three of them are not the end."""
    run = fake(*[(255, ssh_log("agent-refuses"))] * 5, (0, ""))
    with server(says(b"SSH-2.0-x\r\n")) as port:
        endpoint = Endpoint("web-1", "127.0.0.1", port, "nixos")
        with ssh.Connection(endpoint, [ED25519]) as connection:
            connection.connect(20)
    assert len(run.calls) == 6


def test_a_login_that_works_the_second_time(fake: Fake) -> None:
    run = fake((255, DENIED), (0, ""))
    with server(says(b"SSH-2.0-x\r\n")) as port:
        endpoint = Endpoint("web-1", "127.0.0.1", port, "nixos")
        with ssh.Connection(endpoint, [ED25519]) as connection:
            connection.connect(1)
    assert len(run.calls) == 2


def test_who_waits_for_a_login_is_told_why(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    fake((255, "ssh: connect to host web port 22: Connection refused\n"), (0, ""))
    with ssh.Connection(Endpoint("web-1", "127.0.0.1", 1, "nixos"), [ED25519]) as connection:
        connection.connect(5, up=True)
    assert caplog.messages == [
        "web-1: no SSH login after 0 s: ssh: connect to host web port 22: Connection refused"
    ]


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (slirp, "the port is open, but no SSH server answers: it closed the connection"),
        (silent, "the port is open, but no SSH server answers: silence for 0 s"),
    ],
)
def test_no_handshake_before_the_banner(fake: Fake, behave: Behaviour, message: str) -> None:
    run = fake((0, ""))
    with server(behave) as port:
        endpoint = Endpoint("web-1", "127.0.0.1", port, "nixos")
        with (
            ssh.Connection(endpoint, [ED25519]) as connection,
            pytest.raises(errors.UnreachableError, match=f"as nixos on 127.0.0.1:.* {message}"),
        ):
            connection.connect(0.4)
    assert run.calls == []


def test_an_identity_that_does_not_exist() -> None:
    with pytest.raises(FlakeshipError) as raised:
        ssh.Connection(Endpoint("web-1", "127.0.0.1", 1, "nixos", "/no/key"), [ED25519])
    assert (raised.value.code, raised.value.key) == ("identity-missing", "web-1")
    assert "/no/key" in raised.value.what
