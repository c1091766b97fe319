from pathlib import Path

import pytest

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


def test_nothing_is_left_of_the_last_server() -> None:
    ssh_config.put(CONFIG, WEB)
    ssh_config.put(CONFIG, DB)
    ssh_config.remove(CONFIG, "web")
    assert ssh_config.hosts(CONFIG) == {"db": DB}
    ssh_config.remove(CONFIG, "db")
    assert list(Path().iterdir()) == []
    ssh_config.remove(CONFIG, "db")
    assert list(Path().iterdir()) == []
