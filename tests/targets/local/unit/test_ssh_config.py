from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run
from flakeship.targets.local import ssh_config
from flakeship.targets.local.ssh_config import SshHost

CONFIG = Path(".state/dev/ssh_config")
WEB = SshHost("web", "web-aaaa-1", 61022, "nixos", ".state/id_ed25519", ("ssh-ed25519 WEB",))
DB = SshHost("db", "db-aaaa-1", 61023, "admin", "", ("ssh-ed25519 DB1", "ssh-rsa DB2"))


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "a % b").mkdir()
    monkeypatch.chdir(tmp_path / "a % b")
    return tmp_path / "a % b"


def known_hosts() -> str:
    return CONFIG.with_name("known_hosts").read_text()


def test_several_servers() -> None:
    ssh_config.put(CONFIG, WEB)
    ssh_config.put(CONFIG, DB)
    ssh_config.put(CONFIG, WEB)
    assert [*ssh_config.blocks(CONFIG)] == ["db", "web"]
    assert known_hosts() == (
        "db-aaaa-1 ssh-ed25519 DB1\ndb-aaaa-1 ssh-rsa DB2\nweb-aaaa-1 ssh-ed25519 WEB\n"
    )
    assert CONFIG.stat().st_mode & 0o777 == 0o600


def test_what_ssh_makes_of_it(project: Path) -> None:
    ssh_config.put(CONFIG, WEB)
    options = run(["ssh", "-G", "-F", CONFIG, "web"]).stdout.splitlines()
    state = f"{project}/.state"
    assert {
        "hostname 127.0.0.1",
        "port 61022",
        "user nixos",
        "hostkeyalias web-aaaa-1",
        "stricthostkeychecking true",
        "identitiesonly yes",
        f"userknownhostsfile {state}/dev/known_hosts",
        f"identityfile {state}/id_ed25519".replace("%", "%%"),
    } <= {*options}


@pytest.mark.parametrize("identity", ["~/.ssh/id", "~nobody-here/id"])
def test_a_key_file_of_a_home(
    monkeypatch: pytest.MonkeyPatch, project: Path, identity: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    ssh_config.put(CONFIG, replace(WEB, identity=identity))
    options = run(["ssh", "-G", "-F", CONFIG, "web"]).stdout.splitlines()
    expected = {"~/.ssh/id": "/home/me/.ssh/id"}.get(identity, f"{project}/{identity}")
    assert f"identityfile {expected}".replace("%", "%%") in options


def test_is_read_back(project: Path) -> None:
    ssh_config.put(CONFIG, WEB)
    ssh_config.put(CONFIG, DB)
    found = ssh_config.hosts(CONFIG)
    assert found["db"] == DB
    assert found["web"].identity == str(project / ".state/id_ed25519")
    ssh_config.put(CONFIG, found["web"])
    assert ssh_config.hosts(CONFIG) == found


def test_an_entry_is_compared_as_text(project: Path) -> None:
    ssh_config.put(CONFIG, WEB)
    ssh_config.put(CONFIG, DB)
    assert ssh_config.blocks(CONFIG) == {
        host.server: ssh_config.block(host, CONFIG, project) for host in (DB, WEB)
    }
    CONFIG.write_text(CONFIG.read_text().replace("UpdateHostKeys no", "UpdateHostKeys yes"))
    assert ssh_config.blocks(CONFIG)["web"] != ssh_config.block(WEB, CONFIG, project)


def test_a_moved_checkout_is_noticed(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    assert not ssh_config.is_moved(CONFIG)
    ssh_config.put(CONFIG, WEB)
    assert not ssh_config.is_moved(CONFIG)
    monkeypatch.chdir(project.rename(project.with_name("elsewhere")))
    assert ssh_config.is_moved(CONFIG)


def test_another_machine_takes_the_name_and_the_old_keys_go() -> None:
    ssh_config.put(CONFIG, WEB)
    new = SshHost("web", "web-bbbb-1", 61030, "nixos", "", ("ssh-ed25519 NEW",))
    ssh_config.put(CONFIG, new)
    assert ssh_config.hosts(CONFIG) == {"web": new}
    assert known_hosts() == "web-bbbb-1 ssh-ed25519 NEW\n"


def test_an_entry_of_a_person_is_left_alone() -> None:
    ssh_config.put(CONFIG, WEB)
    own = "Host nas\n  HostName 192.0.2.1\n"
    everywhere = "Match user nobody\n  Port 9\n"
    CONFIG.write_text(f"{CONFIG.read_text()}\n{own}\n{everywhere}")
    assert ssh_config.hosts(CONFIG).keys() == {"web"}
    ssh_config.put(CONFIG, DB)
    ssh_config.remove(CONFIG, "web")
    assert ssh_config.hosts(CONFIG) == {"db": DB}
    ssh_config.remove(CONFIG, "db")
    assert ssh_config.blocks(CONFIG) == {"nas": own, "Match user nobody": everywhere}


def test_an_entry_that_is_cut_off_is_written_anew() -> None:
    ssh_config.put(CONFIG, WEB)
    CONFIG.write_text(CONFIG.read_text().partition("  User")[0])
    assert ssh_config.hosts(CONFIG) == {}
    ssh_config.put(CONFIG, WEB)
    assert CONFIG.read_text().count("Host web") == 1
    assert ssh_config.hosts(CONFIG).keys() == {"web"}


@pytest.mark.parametrize("name", ["ssh_config", "known_hosts"])
@pytest.mark.parametrize("directory", [True, False])
def test_a_file_that_cannot_be_read_is_named(name: str, directory: bool) -> None:
    ssh_config.put(CONFIG, WEB)
    file = CONFIG.with_name(name)
    file.unlink()
    if directory:
        file.mkdir()
    else:
        file.write_bytes(b"\xff\xfe")
    for act in (lambda: ssh_config.hosts(CONFIG), lambda: ssh_config.put(CONFIG, DB)):
        with pytest.raises(FlakeshipError) as raised:
            act()
        assert (raised.value.code, raised.value.key) == ("state-unreadable", str(file))


def test_nothing_is_left_of_the_last_server() -> None:
    ssh_config.put(CONFIG, WEB)
    ssh_config.put(CONFIG, DB)
    ssh_config.remove(CONFIG, "web")
    assert ssh_config.hosts(CONFIG) == {"db": DB}
    ssh_config.remove(CONFIG, "db")
    assert list(Path().iterdir()) == []
    ssh_config.remove(CONFIG, "db")
    assert list(Path().iterdir()) == []
