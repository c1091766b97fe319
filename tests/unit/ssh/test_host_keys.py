from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import host_keys
from flakeship.system import waiting
from flakeship.verify.console import END_SHOWN, File, announced_keys, await_keys
from tests.unit.verify import consoles
from tests.unit.verify.machines import ED25519, FINGERPRINT, OTHER, block

ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBInZ982eW542OxFx+j"
    "y9b1AbZN5C6wRk/lzq6oKjMmpnncyaT/peXLpy/mj4iMfIlNBeF0aoQr69SuXs47DpmT4="
)
BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"


def test_the_last_complete_block_counts() -> None:
    text = block(OTHER) + "reboot\n" + block(ED25519) + f"{BEGIN}\n{OTHER}\n"
    assert host_keys.blocks(text) == [[OTHER], [ED25519]]


def test_noise_prefixes_and_several_keys() -> None:
    prefix = "[   31.33] cloud-init[812]: "
    text = "\n".join(
        [
            "<14>-----BEGIN SSH HOST KEY FINGERPRINTS-----",
            f"{prefix}256 {FINGERPRINT} root@web (ED25519)",
            "<14>-----END SSH HOST KEY FINGERPRINTS-----",
            prefix + BEGIN,
            f"{prefix}{ECDSA} root@web",
            "[   31.40] random: crng init done",
            f"ci-info: {ED25519}",
            prefix + END,
        ]
    )
    assert host_keys.blocks(text) == [[ED25519, ECDSA]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{BEGIN}\n{ED25519}\n",
        f"{ED25519}\n{END}\n",
        f"{BEGIN}\n{END}\n",
        f"{BEGIN}\n{ED25519[:40]}[   12.1] eth0: link up{ED25519[40:]}\n{END}\n",
        f"{BEGIN}\n{ED25519.replace('ssh-ed25519', 'ssh-rsa')}\n{END}\n",
        f"sshd: invalid user {BEGIN} {OTHER} {END} from 192.0.2.1\n",
        f"invalid user {BEGIN} {OTHER}\ninvalid user {OTHER} {END}\n",
        "".join(
            f"[ 9.1] sshd[9]: Invalid user {name} from 192.0.2.1\n" for name in (BEGIN, OTHER, END)
        ),
        f"{BEGIN}\nsshd[9]: Invalid user {OTHER} from 192.0.2.1\n{END}\n",
        f"{BEGIN} port 1\n{OTHER}\n{END}\n",
        f"{BEGIN}\n{OTHER}\n{END} port 1\n",
    ],
    ids=[
        *("nothing", "no end", "no begin", "no key", "cut by the kernel", "another type inside"),
        *("in one line of a log", "on the lines of the marks", "in three lines of a log"),
        *("a key in a log", "a begin in a log", "an end in a log"),
    ],
)
def test_what_is_no_announcement(text: str, tmp_path: Path) -> None:
    assert host_keys.blocks(text) == []
    (tmp_path / "console").write_text(text)
    assert announced_keys(File(tmp_path / "console")) == []
    (tmp_path / "console").write_text(text + "x\n" * END_SHOWN)
    assert announced_keys(File(tmp_path / "console")) == []


def test_a_begin_without_end_starts_again() -> None:
    assert host_keys.blocks(f"{BEGIN}\n{OTHER}\n" + block(ED25519)) == [[ED25519]]


def test_carriage_returns_and_escapes_on_the_console(tmp_path: Path) -> None:
    console = tmp_path / "console"
    raw = "\x1b[0;32m OK \x1b[0m\r\n\xff" + block(ED25519).replace("\n", "\r\n")
    console.write_bytes(raw.encode("latin-1"))
    assert await_keys(File(console), 0) == [ED25519]


def test_a_console_that_never_announces_names_its_last_line(tmp_path: Path) -> None:
    console = tmp_path / "console"
    with pytest.raises(FlakeshipError, match=r"within 0 s: it is empty"):
        await_keys(File(console), 0)
    console.write_text("Kernel panic - not syncing\n\n")
    with pytest.raises(FlakeshipError, match=r"last line is: Kernel panic - not syncing"):
        await_keys(File(console), 0)
    console.write_text(block(ED25519))
    with pytest.raises(FlakeshipError, match="no SSH host keys") as raised:
        await_keys(File(console), 0, other_than=[ED25519])
    assert raised.value.code == "host-keys-missing"


def test_who_waits_for_a_console_is_told_how_far_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    (tmp_path / "console").write_text(consoles.SEABIOS + consoles.KERNEL)
    with pytest.raises(FlakeshipError):
        await_keys(File(tmp_path / "console"), 0, name="web-1")
    assert caplog.messages == [
        "web-1: no host keys on its console after 0 s: furthest stage: kernel"
    ]


def test_a_console_that_costs_is_read_when_the_machine_answers(tmp_path: Path) -> None:
    console, asked = Costly(tmp_path / "console"), iter([False, False, True])
    console.path.write_text(block(ED25519))
    assert await_keys(console, 60, answers=lambda: next(asked)) == [ED25519]
    assert console.readings == 1
    assert next(asked, None) is None


def test_a_machine_that_answers_is_not_asked_again(tmp_path: Path) -> None:
    console, asked = Costly(tmp_path / "console"), iter([True])
    with pytest.raises(FlakeshipError):
        await_keys(console, 0.5, answers=lambda: next(asked))
    assert console.readings > 1


def test_of_a_machine_that_never_answers_it_is_read_now_and_then(tmp_path: Path) -> None:
    console = Costly(tmp_path / "console", pace=0.1)
    console.path.write_text(block(ED25519))
    assert await_keys(console, 60, answers=lambda: False) == [ED25519]
    assert console.readings == 1


class Costly(File):
    """Counts its readings."""

    def __init__(self, path: Path, pace: float = 60.0) -> None:
        super().__init__(path)
        self.pace, self.readings = pace, 0

    def read(self) -> str:
        self.readings += 1
        return super().read()


def test_known_hosts_algorithms_and_fingerprint() -> None:
    keys = [ED25519, ECDSA]
    assert host_keys.known_hosts("web-1", keys) == f"web-1 {ED25519}\nweb-1 {ECDSA}\n"
    rsa = "ssh-rsa AAAA"
    assert host_keys.algorithms([rsa, ECDSA, ED25519]) == (
        "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256"
    )
    assert host_keys.fingerprint(ED25519) == FINGERPRINT
    assert host_keys.same(keys, reversed(keys))
    assert not host_keys.same(keys, [ED25519])
