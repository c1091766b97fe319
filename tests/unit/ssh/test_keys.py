"""Who may log in, and by which private key."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.ssh import keys as access
from flakeship.ssh import public_key
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system.process import run


def blob(*parts: bytes | int) -> str:
    """Fields in base64, each with its length before it; a number is a field of so many bytes."""
    fields = [bytes(part) if isinstance(part, int) else part for part in parts]
    return base64.b64encode(
        b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    ).decode()


def line(kind: str, *parts: bytes | int) -> str:
    return f"{kind} {blob(kind.encode(), *parts)}"


KEY = f"{line('ssh-ed25519', 32)} someone"
SECRET = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
PRIVATE = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\n"


def refusal(*entries: str) -> SettingError:
    with pytest.raises(SettingError) as caught:
        access.public_keys(entries)
    assert SECRET[:20] not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


GOOD = [
    KEY,
    line("ssh-ed25519", 32),
    f"{line('ssh-ed25519', 32)} Jürgen  at home",
    line("ssh-rsa", b"\1\0\1", 257),
    line("ssh-rsa", b"\1\0\1", 129),
    line("ecdsa-sha2-nistp256", b"nistp256", 65),
    line("ecdsa-sha2-nistp384", b"nistp384", 97),
    line("ecdsa-sha2-nistp521", b"nistp521", 133),
    line("sk-ssh-ed25519@openssh.com", 32, b"ssh:"),
    line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", 65, b"ssh:"),
]
BAD = [
    *("", " ", "#", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", "ssh-foo AAAA!!", "x"),
    KEY[:-40],
    KEY.replace("AAAA", "AAAB", 1),
    KEY.replace("AAAA", "AA-A", 1),
    KEY.replace("AAAA", "\u0410\u0410AA", 1),  # Cyrillic
    KEY.replace("ssh-ed25519", "ssh-rsa", 1),
    KEY.replace("someone", "so\x1b[2Jme"),
    KEY.replace("someone", "so\u202eme"),
    KEY.replace("someone", "so\u2028me"),
    KEY.replace("someone", "so\rme"),
    KEY.replace("someone", "x" * 9000),
    f"ssh-ed25519 {blob(b'ssh-ed25519')}",
    line("ssh-ed25519", 31),
    line("ssh-ed25519", 32, 4),
    line("ssh-rsa", b"\1\0\1", 64),
    line("ssh-dss", 128, 20, 128, 128),
    line("ssh-ed25519-cert-v01@openssh.com", 32, 32),
    f'restrict,command="x" {KEY}',
    f"{KEY}\n{KEY}",
    PRIVATE,
    PRIVATE.replace("\n", " "),
    SECRET,
    "-----BEGIN RSA PRIVATE KEY-----",
    "ssh-ed25519 " + SECRET,
    "/gone",
    "~nosuchuser/id.pub",
    "/x" * 5000,
    "a\0b",
    "/",
]


@pytest.mark.parametrize("key", GOOD)
def test_what_openssh_takes_is_taken(key: str, tmp_path: Path) -> None:
    assert access.public_keys([key]) == [key]
    (tmp_path / "my keys.pub").write_text(f"# ours\r\n{key}\r\n\n  {KEY}\n")
    assert access.public_keys([str(tmp_path / "my keys.pub"), KEY]) == [key, KEY, KEY]


@pytest.mark.parametrize("key", BAD)
def test_what_is_no_public_key_is_refused_and_not_repeated(key: str) -> None:
    error = refusal(KEY, key)
    assert error.key == "flakeship:authorizedKeys[1]"
    assert error.remedy
    assert error.given in {"", key}
    assert not public_key.fault(KEY)


@pytest.mark.parametrize(
    "key", [each for each in BAD if "\n" not in each[1:-1] and "/" not in each[:1]]
)
def test_nor_is_it_taken_from_a_file(key: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.pub"
    file.write_text(key)
    error = refusal(str(file))
    assert error.key == "flakeship:authorizedKeys[0]"
    assert error.given.startswith(str(file))


def test_the_line_of_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "id"
    file.write_text(f"{KEY}\n\n{PRIVATE}")
    assert refusal(str(file)).given == f"{file} line 3"


@pytest.mark.parametrize("text", ["", "# nothing\n\n", "\n"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.pub"
    file.write_text(text)
    assert "none" in refusal(str(file)).what


def test_a_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "keys.pub").open("wb") as file:
        file.truncate(10**12)
    assert "bytes" in refusal(str(tmp_path / "keys.pub")).what


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout's own public key, in a file beside the private one."""
    monkeypatch.chdir(tmp_path)
    return access.OWN_KEY.with_suffix(".pub")


def test_our_own_key_pair_is_made_once(own: Path) -> None:
    (key,) = access.public_keys([])
    assert key.startswith("ssh-ed25519 AAAA")
    assert access.public_keys([]) == [key]
    assert access.OWN_KEY.stat().st_mode & 0o777 == 0o600
    own.unlink()
    assert access.public_keys([])[0].split()[:2] == key.split()[:2]


@pytest.mark.parametrize("text", ["", "\n", "ssh-ed25519", KEY, "\x1b[2J"])
def test_a_public_key_that_is_not_that_of_the_private_one_is_written_again(
    own: Path, text: str
) -> None:
    (key,) = access.public_keys([])
    own.write_text(text)
    assert access.public_keys([]) == [key]
    assert own.read_text() == f"{key}\n"


def test_a_comment_of_our_own_key_stays(own: Path) -> None:
    (key,) = access.public_keys([])
    own.write_text(key.replace("flakeship", "of mine"))
    assert access.public_keys([]) == [key.replace("flakeship", "of mine")]


@pytest.mark.parametrize("text", ["", "x", PRIVATE])
@pytest.mark.usefixtures("own")
def test_a_private_key_that_is_damaged_is_told(text: str) -> None:
    access.public_keys([])
    access.OWN_KEY.write_text(text)
    with pytest.raises(FlakeshipError) as caught:
        access.public_keys([])
    assert (caught.value.code, caught.value.key) == ("own-key-unusable", str(access.OWN_KEY))
    assert SECRET not in str(caught.value)
    assert access.OWN_KEY.read_text() == text


def test_a_private_key_with_a_passphrase_is_told(own: Path) -> None:
    own.parent.mkdir()
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", access.OWN_KEY])
    with pytest.raises(FlakeshipError) as caught:
        access.public_keys([])
    assert caught.value.code == "own-key-unusable"


@pytest.mark.usefixtures("own")
def test_a_directory_in_its_place_is_told() -> None:
    access.OWN_KEY.mkdir(parents=True)
    with pytest.raises(FlakeshipError) as caught:
        access.public_keys([])
    assert caught.value.code == "own-key-unusable"


def test_a_key_that_is_only_asked_for_is_not_made(own: Path) -> None:
    assert access.existing([]) == []
    assert not own.parent.exists()
    made = access.public_keys([])
    assert access.existing([]) == made


@pytest.mark.parametrize("comment", ["", "someone@example.org", "Jürgen  at home", "x" * 5000])
def test_a_key_is_recorded_by_its_fingerprint_and_its_comment(own: Path, comment: str) -> None:
    (key,) = access.public_keys([])
    found = public_key.authorized(" ".join([*key.split()[:2], comment]).strip())
    assert found.fingerprint == run(["ssh-keygen", "-l", "-f", own]).stdout.split()[1]
    assert found.comment == comment if len(comment) < 100 else len(found.comment) == 100


@pytest.mark.usefixtures("own")
def test_the_flakes_input_is_written_only_when_it_changes() -> None:
    file = access.directory("dev", [KEY]) / "authorized_keys"
    before = file.stat().st_mtime_ns
    assert file.read_text() == f"{KEY}\n"
    assert access.directory("dev", [KEY]).joinpath("authorized_keys").stat().st_mtime_ns == before


@pytest.mark.usefixtures("own")
def test_the_flakes_input_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    folder = tmp_path / ".state/dev/access"
    folder.mkdir(parents=True)
    (folder / "authorized_keys").symlink_to(tmp_path / "theirs")
    access.directory("dev", [KEY])
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (folder / "authorized_keys").read_text() == f"{KEY}\n"


@pytest.mark.parametrize(
    ("keys", "identity", "login"),
    [([], "", ".state/id_ed25519"), ([KEY], "", ""), ([KEY], __file__, __file__)],
)
def test_who_logs_in(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], identity: str, login: str
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    assert access.identity(identity, keys) == login


def test_a_state_is_for_operators_with_other_homes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stored path of one home would verify every machine again on the next one's workstation."""
    for home in ("first", "second"):
        monkeypatch.setenv("HOME", str(tmp_path / home))
        stored = access.identity("~/.ssh/id", [KEY])
        assert stored == "~/.ssh/id"
        login = SshOptions(Endpoint("web", "192.0.2.1", 22, "nixos", stored)).command_line()
        assert f"{tmp_path}/{home}/.ssh/id" in login


def test_keys_that_nobody_here_can_use_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(FlakeshipError) as refused:
        access.identity("", [KEY])
    assert refused.value.code == "identity-missing"
    assert refused.value.key == "flakeship:identity"
