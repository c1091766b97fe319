"""Every settings error is one clear line: the key, what was given, what is allowed, the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flakeship.config import settings
from flakeship.model.checks import Check
from flakeship.model.errors import FlakeshipError

FILE = "Pulumi.dev.yaml"
WEB: dict[str, object] = {"name": "web"}


@pytest.fixture(autouse=True)
def flake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nix/appliance").mkdir(parents=True)
    (tmp_path / "nix/appliance/flake.nix").touch()
    monkeypatch.chdir(tmp_path)


def read(**config: object) -> settings.Settings:
    texts = {
        f"flakeship:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }
    return settings.read(texts | {"other:key": "1"}, FILE)


def test_nothing_given_is_the_embedded_default() -> None:
    found = read()
    assert (found.host, found.target, found.keep) == ("appliance", "local", 3)
    assert [server.name for server in found.servers] == ["web"]
    assert [port.port for port in found.servers[0].declared] == [22]


def test_a_whole_server() -> None:
    check = {"name": "page", "http": 80, "contains": "hello"}
    server = WEB | {
        "memory": "1G",
        "disk": 4096,
        "ports": [{"port": 80, "protocol": "http", "hostPort": 8080}, 5432],
        "data": {"pg": "2G"},
        "checks": [check],
    }
    found = read(servers=[server]).servers[0]
    assert (found.memory, found.disk, found.data) == (1024, 4096, {"pg": 2048})
    assert [(p.port, p.protocol, p.host_port) for p in found.declared] == [
        (22, "ssh", None),
        (80, "http", 8080),
        (5432, "tcp", None),
    ]
    assert found.checks[0] == Check(name="page", http=80, contains="hello")


def test_a_number_may_be_declared_for_tcp_and_for_udp() -> None:
    ports = [
        53,
        {"port": 53, "protocol": "udp", "needsData": True},
        {"port": 22, "protocol": "udp"},
    ]
    given = WEB | {"ports": ports, "data": {"d": "1G"}, "checks": [{"name": "a", "tcp": 53}]}
    assert [(p.port, p.protocol) for p in read(servers=[given]).servers[0].declared] == [
        (22, "ssh"),
        (53, "tcp"),
        (53, "udp"),
        (22, "udp"),
    ]


def test_the_shape_changes_only_with_what_needs_a_new_machine() -> None:
    changes: dict[str, dict[str, object]] = {
        "as it is": {},
        "ports": {"ports": [80]},
        "data": {"data": {"pg": "1G"}},
        "memory": {"memory": 1024},
        "vcpus": {"vcpus": 4},
        "disk": {"disk": "3G"},
    }
    shapes = {key: read(servers=[WEB | change]).servers[0].shape for key, change in changes.items()}
    assert shapes["as it is"] == shapes["ports"] == shapes["data"]
    assert len(set(shapes.values())) == 4


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"hots": "x"}, "flakeship:hots: there is no such key; did you mean host? (FILE)"),
        ({"keep": "0"}, 'flakeship:keep: "0" is given; must be greater than or equal to 1 (FILE)'),
        (
            {"target": "aws"},
            "flakeship:target: \"aws\" is given; must be 'local' or 'openstack' (FILE)",
        ),
        (
            {"target": "openstack", "servers": [WEB | {"address": "yes"}]},
            "flakeship:servers[0]: address is yes; allowed are floating, none and an existing "
            "floating IP (FILE)",
        ),
        (
            {
                "target": "openstack",
                "servers": [],
                "openstack": {"test": {"checks": [{"name": "a", "http": 80}]}},
            },
            "flakeship:openstack.test: check a uses TCP port 80, which is not declared (FILE)",
        ),
        (
            {"target": "openstack", "servers": [WEB | {"data": {"pg": "1G"}}]},
            "flakeship:servers[0]: web has data, which the target openstack does not know (FILE)",
        ),
        (
            {"servers": [WEB | {"keypair": "mine"}]},
            "flakeship:servers[0]: web has keypair, which the target local does not know (FILE)",
        ),
        (
            {"rollbackWindow": 2},
            "flakeship:openstack and rollbackWindow are for the target openstack (FILE)",
        ),
        (
            {"target": "openstack", "rollbackWindow": 3},
            "flakeship:rollbackWindow: 3 releases stay running beside the newest, so keep must be "
            "at least 4 (FILE)",
        ),
        (
            {"target": "openstack", "openstack": {"network": {"name": "a", "cidr": "10.0.0.0/8"}}},
            "flakeship:openstack.network: cidr is of a network that is made; a exists (FILE)",
        ),
        (
            {"target": "openstack", "openstack": {"reech": "jump"}},
            "flakeship:openstack.reech: there is no such key; did you mean reach? (FILE)",
        ),
        ({"flake": "./gone"}, "flakeship:flake: there is no flake.nix in ./gone (FILE)"),
        ({"identity": "/gone"}, "flakeship:identity: there is no file /gone (FILE)"),
        ({"servers": "web"}, 'flakeship:servers: "web" is given; must be a valid list (FILE)'),
        ({"servers": "[1"}, 'flakeship:servers: "[1" is given; must be a valid list (FILE)'),
        ({"servers": [{}]}, "flakeship:servers[0].name: is missing (FILE)"),
        (
            {"servers": [WEB, WEB]},
            "flakeship:servers: the name web is given more than once (FILE)",
        ),
        (
            {
                "servers": [
                    WEB
                    | {"ports": [{"port": 80, "hostPort": 8080}, {"port": 81, "hostPort": 8080}]}
                ]
            },
            "flakeship:servers: the host port 8080 is given more than once (FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [80, 80]}]},
            "flakeship:servers[0]: port 80 is given more than once (FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [{"port": 53, "protocol": "udp"}] * 2}]},
            "flakeship:servers[0]: port udp 53 is given more than once (FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [{"port": 53, "protocol": "udp", "hostPort": 5300}]}]},
            "flakeship:servers[0].ports[0]: hostPort: port forwarding supports TCP only (FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [{"port": 53, "protocol": "udp", "needsData": True}]}]},
            "flakeship:servers[0]: port udp 53: needsData is true, but the server has no data disk "
            "(FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [{"port": 53, "protocol": "sctp"}]}]},
            'flakeship:servers[0].ports[0].protocol: "sctp" is given; '
            "must be 'tcp', 'http', 'ssh' or 'udp' (FILE)",
        ),
        (
            {
                "servers": [
                    WEB
                    | {
                        "ports": [{"port": 53, "protocol": "udp"}],
                        "checks": [{"name": "a", "tcp": 53}],
                    }
                ]
            },
            "flakeship:servers[0]: check a uses TCP port 53, "
            "but only UDP port 53 is declared (FILE)",
        ),
        (
            {"servers": [WEB | {"memory": "lots"}]},
            'flakeship:servers[0].memory: "lots" is given; a size is a number with M, G or T, '
            "or a plain one of MiB, as 2G, 2048M or 2048 (FILE)",
        ),
        (
            {"servers": [WEB | {"data": {"db": "2Gb"}}]},
            'flakeship:servers[0].data.db: "2Gb" is given; a size is a number with M, G or T, '
            "or a plain one of MiB, as 2G, 2048M or 2048 (FILE)",
        ),
        (
            {"servers": [WEB | {"disk": "-5"}]},
            'flakeship:servers[0].disk: "-5" is given; must be greater than 0 (FILE)',
        ),
        (
            {"servers": [WEB | {"ports": [70000]}]},
            "flakeship:servers[0].ports[0].port: 70000 is given; "
            "must be less than or equal to 65535 (FILE)",
        ),
        (
            {"servers": [WEB | {"ports": [{"port": 80, "protocl": "http"}]}]},
            "flakeship:servers[0].ports[0].protocl: there is no such key; "
            "did you mean protocol? (FILE)",
        ),
        (
            {"servers": [WEB | {"name": "My_Web"}]},
            'flakeship:servers[0].name: "My_Web" is given; '
            "allowed are lower-case letters, digits and dashes (FILE)",
        ),
        (
            {"servers": [WEB | {"checks": [{"name": "a"}]}]},
            "flakeship:servers[0].checks[0]: "
            "needs exactly one of run (a command), http and tcp (a port) (FILE)",
        ),
        (
            {"servers": [WEB | {"checks": [{"name": "a", "tcp": 99}]}]},
            "flakeship:servers[0]: check a uses TCP port 99, which is not declared (FILE)",
        ),
        (
            {
                "servers": [
                    WEB
                    | {
                        "ports": [{"port": 5432, "needsData": True}],
                        "checks": [{"name": "a", "run": "true", "needsData": True}],
                    }
                ]
            },
            "flakeship:servers[0]: port 5432, check a: needsData is true, "
            "but the server has no data disk (FILE)",
        ),
        (
            {
                "servers": [
                    WEB
                    | {
                        "ports": [{"port": 5432, "needsData": True}],
                        "data": {"pg": "1G"},
                        "checks": [{"name": "a", "tcp": 5432}],
                    }
                ]
            },
            "flakeship:servers[0]: check a uses port 5432: set its needsData too (FILE)",
        ),
    ],
)
def test_each_mistake_is_one_line(config: dict[str, object], said: str) -> None:
    with pytest.raises(FlakeshipError) as caught:
        read(**config)
    assert str(caught.value) == said.replace("FILE", FILE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ports": [True]}, "ports[0]: true is given; must be a valid dictionary"),
        ({"checks": [{"name": "sudo", "http": 22}]}, "sudo is the name of a built-in check"),
        ({"checks": [{"name": "port-22", "http": 22}]}, "port-22 is the name of a built-in check"),
        ({"checks": [{"name": "a", "http": 22, "path": "/ HTTP/1.0\r\nX: y"}]}, "checks[0].path"),
        ({"data": {"PG": "1G"}}, 'flakeship:servers[0].data.PG: "PG" is given; allowed are'),
    ],
)
def test_what_would_be_taken_for_something_else(change: dict[str, object], said: str) -> None:
    with pytest.raises(FlakeshipError) as caught:
        read(servers=[WEB | change])
    assert said in str(caught.value)


def test_a_directory_is_written_as_one() -> None:
    with pytest.raises(
        FlakeshipError, match=r"nix/appliance is a directory: write \./nix/appliance"
    ):
        read(flake="nix/appliance")


def test_a_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(FlakeshipError, match="is a secret, and every setting ends") as caught:
        settings.read({"flakeship:host": "hidden"}, FILE, lambda key: key == "flakeship:host")
    assert "hidden" not in str(caught.value)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(FlakeshipError) as caught:
        read(keep="none", servers=[{"nam": "web"}])
    assert len(str(caught.value).splitlines()) == 3


def test_a_key_like_no_other_lists_what_is_allowed() -> None:
    with pytest.raises(FlakeshipError, match="allowed are authorizedKeys, bootTimeout, flake"):
        read(zzz="1")


@pytest.mark.parametrize(
    ("change", "key", "new"),
    [
        ({"ports": [{"port": 80, "host": 8080}]}, "ports[0].host", "hostPort"),
        ({"ports": [{"port": 80, "from": ["::/0"]}]}, "ports[0].from", "allowFrom"),
        ({"ports": [{"port": 80, "data": True}]}, "ports[0].data", "needsData"),
        ({"checks": [{"name": "a", "run": "true", "data": True}]}, "checks[0].data", "needsData"),
    ],
)
def test_a_key_of_an_earlier_version_is_refused_with_the_new_one(
    change: dict[str, object], key: str, new: str
) -> None:
    with pytest.raises(FlakeshipError, match=new) as caught:
        read(servers=[WEB | change])
    assert f"flakeship:servers[0].{key}: " in str(caught.value)
