"""Every settings error is one clear line: the key, what was given, what is allowed, the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flakeship.config import settings
from flakeship.config.server import DataDisk
from flakeship.model.checks import Check
from flakeship.model.errors import FlakeshipError, SettingsError
from flakeship.targets import registry

WEB: dict[str, object] = {"name": "web"}


@pytest.fixture(autouse=True)
def flake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nix/appliance").mkdir(parents=True)
    (tmp_path / "nix/appliance/flake.nix").touch()
    monkeypatch.chdir(tmp_path)


EXAMPLE = {"flake": "./nix/appliance", "host": "appliance", "servers": [WEB]}


def read(**config: object) -> settings.AnySettings:
    texts = {
        f"flakeship:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (EXAMPLE | config).items()
    }
    found, _ = settings.read(texts | {"other:key": "1"}, registry.spec, registry.names())
    return found


def refusal(**config: object) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as refused:
        read(**config)
    return refused.value


def test_host_and_servers_have_no_defaults() -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read({}, registry.spec, registry.names())
    missing = [(each.key, each.code) for each in refused.value.problems]
    assert missing == [(f"flakeship:{key}", "setting-missing") for key in ("host", "servers")]


def test_a_stack_builds_a_flake_or_takes_what_another_has_verified() -> None:
    assert refusal(flake="").key == "flakeship:flake"
    assert read(flake="", promoteFrom="dev").promote_from == "dev"
    assert read(flake="", promoteFrom="acme/servers/dev").promote_from == "acme/servers/dev"
    assert refusal(flake="", promoteFrom="servers/dev").key == "flakeship:promoteFrom"
    assert refusal(flake="", promoteFrom="--help").key == "flakeship:promoteFrom"


def test_the_rules_of_a_gate() -> None:
    given = {"soak": "36h", "checks": ["greeting"], "revision": "pushed"}
    gate = read(flake="", promoteFrom="dev", gate=given).gate
    assert (gate.soak, gate.checks, gate.revision) == (36 * 3600, ["greeting"], "pushed")
    for none in ("0", 0, "0s"):
        assert read(flake="", promoteFrom="dev", gate={"soak": none}).gate.soak == 0
    for soak in ("1 day", "-1h", "367d", "1.5h", 60, True, False, "٣h", "0h"):
        error = refusal(flake="", promoteFrom="dev", gate={"soak": soak})
        assert error.key == "flakeship:gate.soak"
    alone = refusal(gate=given)
    assert (alone.key, "promoteFrom" in alone.remedy) == ("flakeship:gate", True)


def test_the_defaults_of_the_others() -> None:
    found = read()
    assert (found.host, found.target, found.retain_releases) == ("appliance", "local", 3)
    assert [server.name for server in found.servers] == ["web"]
    assert [port.port for port in found.servers[0].declared] == [22]


def test_a_whole_server() -> None:
    check = {"name": "page", "http": 80, "contains": "hello"}
    server = WEB | {
        "memory": "1G",
        "disk": 4096,
        "ports": [{"port": 80, "protocol": "http", "hostPort": 8080}, 5432],
        "dataDisks": {"pg": "2G"},
        "checks": [check],
    }
    found = read(servers=[server]).servers[0]
    assert (found.memory, found.disk) == (1024, 4096)
    assert found.data_disks == {"pg": DataDisk(size=2048)}
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
    given = WEB | {"ports": ports, "dataDisks": {"d": "1G"}, "checks": [{"name": "a", "tcp": 53}]}
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
        "data": {"dataDisks": {"pg": "1G"}},
        "memory": {"memory": 1024},
        "vcpus": {"vcpus": 4},
        "disk": {"disk": "3G"},
    }
    shapes = {key: read(servers=[WEB | change]).servers[0].shape for key, change in changes.items()}
    assert shapes["as it is"] == shapes["ports"] == shapes["data"]
    assert len(set(shapes.values())) == 4


def web(**keys: object) -> dict[str, object]:
    return {"servers": [WEB | keys]}


def cloud(**keys: object) -> dict[str, object]:
    return {"target": "openstack", "openstack": keys}


UDP = {"port": 53, "protocol": "udp"}
PG = {"port": 5432, "needsData": True}
OTHER_TARGET = "remove it, or set flakeship:target to openstack"
NO_CHECK = {"name": "a", "run": "true", "needsData": True}


@pytest.mark.parametrize(
    ("config", "key", "what"),
    [
        ({"hots": "x"}, "hots", "there is no such key"),
        ({"retainReleases": "0"}, "retainReleases", "must be greater than or equal to 1"),
        ({"target": "aws"}, "target", "unknown target"),
        (
            {"target": "openstack", **web(openstack={"address": "yes"})},
            "servers[0].openstack.address",
            "is no address",
        ),
        (
            cloud(testServer={"checks": [{"name": "a", "http": 80}]}) | {"servers": []},
            "openstack.testServer.checks",
            "check a uses TCP port 80, which is not declared",
        ),
        (
            {"target": "openstack", **web(dataDisks={"pg": "1G"})},
            "servers[0].dataDisks",
            "the target openstack has no data disks",
        ),
        (
            web(ports=[{"port": 80, "allowFrom": ["10.0.0.0/8"]}]),
            "servers[0].ports[0].allowFrom",
            "the target local cannot restrict a port to networks",
        ),
        ({"servers": []}, "servers", "the target local needs at least one server"),
        (
            {"standbyReleases": 2},
            "standbyReleases",
            "the target local keeps no older machine running",
        ),
        (
            {"target": "openstack", "standbyReleases": 3},
            "standbyReleases",
            "3 older releases stay running, so retainReleases must be at least 4",
        ),
        (
            cloud(network={"name": "a", "cidr": "10.0.0.0/8"}),
            "openstack.network",
            "cidr applies only to a network that Flakeship creates",
        ),
        (
            cloud(testServer={"checks": [{"name": "api", "run": "true"}]}) | {"servers": []},
            "openstack.testServer.checks",
            "api is the name of a built-in check",
        ),
        (
            {"target": "openstack", **web(checks=[{"name": "api", "run": "true"}])},
            "servers[0].checks",
            "api is the name of a built-in check",
        ),
        ({"flake": "./gone"}, "flake", "there is no flake.nix in ./gone"),
        ({"flake": "./gone?submodules=1"}, "flake", "there is no flake.nix in ./gone"),
        ({"flake": "./?dir=gone"}, "flake", "there is no flake.nix in ./gone"),
        ({"flake": "git+file:.?dir=gone"}, "flake", "there is no flake.nix in ./gone"),
        ({"flake": "path:./gone"}, "flake", "there is no flake.nix in ./gone"),
        ({"flake": "nix?dir=appliance"}, "flake", "is a directory"),
        ({"identity": "/gone"}, "identity", "there is no such file"),
        ({"servers": "web"}, "servers", "must be a list"),
        ({"servers": "[1"}, "servers", "must be a list"),
        ({"servers": [{}]}, "servers[0].name", "is missing"),
        ({"servers": [WEB, WEB]}, "servers", "the name web is given more than once"),
        (
            web(ports=[{"port": 80, "hostPort": 8080}, {"port": 81, "hostPort": 8080}]),
            "servers",
            "the host port 8080 is given more than once",
        ),
        (web(ports=[80, 80]), "servers[0].ports", "port 80 is given more than once"),
        (web(ports=[UDP] * 2), "servers[0].ports", "port udp 53 is given more than once"),
        (
            web(ports=[{**UDP, "hostPort": 5300}]),
            "servers[0].ports[0].hostPort",
            "must not be given for UDP: TCP alone is forwarded",
        ),
        (
            web(ports=[{**UDP, "needsData": True}]),
            "servers[0].ports",
            "port udp 53: needsData is true, but the server has no data disk",
        ),
        (
            web(ports=[{"port": 53, "protocol": "sctp"}]),
            "servers[0].ports[0].protocol",
            "must be 'tcp', 'http', 'https', 'ssh' or 'udp'",
        ),
        (
            web(ports=[UDP], checks=[{"name": "a", "tcp": 53}]),
            "servers[0].checks",
            "check a uses TCP port 53, but only UDP port 53 is declared",
        ),
        (web(memory="lots"), "servers[0].memory", "must be a size"),
        (web(disk="-5"), "servers[0].disk", "must be a size from 1M to 64T"),
        (web(memory="0"), "servers[0].memory", "must be a size from 1M to 64T"),
        (web(memory="99999T"), "servers[0].memory", "must be a size from 1M to 64T"),
        (web(name="web-"), "servers[0].name", "is not valid"),
        (web(ports=[70000]), "servers[0].ports[0].port", "must be less than or equal to 65535"),
        (
            web(ports=[{"port": 80, "protocl": "http"}]),
            "servers[0].ports[0].protocl",
            "there is no such key",
        ),
        (web(name="My_Web"), "servers[0].name", "is not valid"),
        (
            web(checks=[{"name": "a"}]),
            "servers[0].checks[0]",
            "needs exactly one of run (a command), http, https and tcp (a port)",
        ),
        (
            web(checks=[{"name": "a", "tcp": 99}]),
            "servers[0].checks",
            "check a uses TCP port 99, which is not declared",
        ),
        (
            web(ports=[PG], checks=[NO_CHECK]),
            "servers[0].ports",
            "port 5432: needsData is true, but the server has no data disk",
        ),
        (
            web(ports=[PG], dataDisks={"pg": "1G"}, checks=[{"name": "a", "tcp": 5432}]),
            "servers[0].checks",
            "check a uses TCP port 5432, which needs data",
        ),
        (web(ports=[True]), "servers[0].ports[0]", "must be an object"),
        (
            web(checks=[{"name": "sudo", "http": 22}]),
            "servers[0].checks[0]",
            "sudo is the name of a built-in check",
        ),
        (web(dataDisks={"PG": "1G"}), "servers[0].dataDisks.PG", "is not valid"),
    ],
)
def test_each_mistake_names_its_key(config: dict[str, object], key: str, what: str) -> None:
    error = refusal(**config)
    assert (error.key, error.what) == (f"flakeship:{key}", what)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("config", "code", "remedy"),
    [
        ({"hots": "x"}, "setting-unknown", "did you mean host?"),
        (cloud(accss="bastion"), "setting-unknown", "did you mean access?"),
        ({"keep": "2"}, "setting-renamed", "write retainReleases"),
        ({"rollbackWindow": "2"}, "setting-renamed", "write standbyReleases"),
        (web(data={}), "setting-renamed", "write dataDisks"),
        (web(ports=[{"port": 80, "host": 8080}]), "setting-renamed", "write hostPort"),
        (web(ports=[{"port": 80, "from": []}]), "setting-renamed", "write allowFrom"),
        (web(checks=[{"name": "a", "run": "b", "data": 1}]), "setting-renamed", "write needsData"),
        (cloud(reach="direct"), "setting-renamed", "write access"),
        (cloud(atOnce=3), "setting-renamed", "write bootConcurrency"),
        (
            {"target": "openstack", **web(flavor="m1.small")},
            "setting-moved",
            "put it into the block `openstack:` beside it",
        ),
        (web(flavor="m1.small"), "setting-unknown", ""),
        (web(openstack={"flavor": "m1.small"}), "setting-other-target", OTHER_TARGET),
        ({"openstack": {"cloud": "x"}}, "setting-other-target", OTHER_TARGET),
    ],
)
def test_a_key_that_is_not_there(config: dict[str, object], code: str, remedy: str) -> None:
    error = refusal(**config)
    assert error.code == code
    assert error.remedy == remedy


def test_a_whole_sentence() -> None:
    error = refusal(**web(vcpus="many"))
    assert str(error) == (
        'flakeship:servers[0].vcpus (server web): must be a whole number, got "many"'
    )


def test_a_directory_is_written_as_one() -> None:
    assert refusal(flake="nix/appliance").remedy == "write ./nix/appliance"


@pytest.mark.parametrize(
    "text",
    [
        "./nix/appliance",
        "./nix?dir=appliance",
        "./nix/appliance?submodules=1",
        "git+file:.?dir=nix/appliance",
        "git+file:.?dir=gone&rev=abc",
        "path:./nix/appliance",
        "github:owner/name?dir=gone",
    ],
)
def test_a_flake_may_have_a_query(text: str) -> None:
    assert read(flake=text).flake == text


@pytest.mark.parametrize(("text", "found"), [("true", True), ("False", False)])
def test_a_flag_comes_as_text(text: str, found: bool) -> None:
    assert read(allowImportFromDerivation=text).allow_import_from_derivation is found


def test_a_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(FlakeshipError) as caught:
        settings.read({"flakeship:host": "hidden"}, registry.spec, registry.names(), lambda _: True)
    assert (caught.value.code, caught.value.key) == ("setting-secret", "flakeship:host")
    assert "hidden" not in str(caught.value)


def test_several_mistakes_are_shown_at_once() -> None:
    error = refusal(retainReleases="none", servers=[{"nam": "web"}])
    assert isinstance(error, SettingsError)
    assert len(error.problems) == len(str(error).splitlines()) == 3


def test_the_default_blocks_of_other_targets_do_no_harm() -> None:
    assert read(openstack={}).target == "local"


def test_a_size_is_told_as_it_was_written() -> None:
    for given in ("99999T", "-5", "lots"):
        error = refusal(servers=[WEB | {"memory": given}])
        assert error.given == f'"{given}"'
        assert "such as 2G" in error.allowed


def test_the_whole_rule_for_names_is_told() -> None:
    error = refusal(servers=[WEB | {"name": "web-"}])
    assert "last no dash" in error.allowed
    error = refusal(servers=[{"name": ""}])
    assert error.key == "flakeship:servers[0].name"
    assert "(server" not in str(error)


LONG = "x" * 3000


@pytest.mark.parametrize(
    "config",
    [
        {"flake": f"./{LONG}"},
        {"flake": f"git+file:///{LONG}"},
        {"identity": f"./{LONG}"},
        {"servers": [WEB | {"name": LONG}]},
        {"servers": [WEB | {"checks": [{"name": "a", "http": 80, "headers": {LONG: "\u00e9"}}]}]},
        {"servers": [WEB | {"dataDisks": {LONG: "1G"}}]},
    ],
    ids=lambda config: str(config)[:30],
)
def test_a_long_value_is_cut_wherever_a_message_repeats_it(config: dict[str, object]) -> None:
    assert "x" * 161 not in str(refusal(**config))  # a key may have twice as much as a value


def test_a_long_text_is_told_in_characters() -> None:
    options = {"metadata": {"role": LONG}}
    error = refusal(target="openstack", servers=[WEB | {"openstack": options}])
    assert error.what == "must have at most 255 characters"


@pytest.mark.parametrize(
    "keys",
    [
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIsecret",
        [{"key": "secret"}],
        ["-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIsecret"],
        {"secret": 1},
    ],
)
def test_a_private_key_is_repeated_nowhere(keys: object) -> None:
    error = refusal(authorizedKeys=keys)
    assert error.key.startswith("flakeship:authorizedKeys")
    assert "secret" not in str(error)


def test_a_key_may_be_a_block_of_one_line() -> None:
    assert read(authorizedKeys=["ssh-ed25519 AAAA me\n"]).authorized_keys == ["ssh-ed25519 AAAA me"]


@pytest.mark.parametrize("given", ["SHA256:x", "MD5:aa", "", "SHA256:" + "A" * 44, "A" * 43])
def test_a_key_to_replace_is_named_by_its_whole_fingerprint(given: str) -> None:
    error = refusal(replaceKeys=["SHA256:" + "A" * 43, given])
    assert error.key == "flakeship:replaceKeys[1]"
    assert "flakeship keys" in error.allowed


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        ({"servers": [{"name": "web", "memory": "0512M"}]}, "write 512M"),
        ({"flake": " ./nix/appliance"}, ""),
        ({"flake": "./nix/appliance#x"}, "write ~ and # out"),
    ],
)
def test_a_remedy_fits_what_was_given(config: dict[str, object], remedy: str) -> None:
    assert refusal(**config).remedy == remedy


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://images?region=eu-central-1&endpoint=s3.example.com",
        "ssh-ng://nix@build.example.com",
        "ssh://build.example.com:2222",
        "https://cache.example.com/images",
        "http://127.0.0.1:5000",
        "file:///srv/images?secret-key=/etc/nix/key",
    ],
)
def test_an_image_store_is_any_nix_store(url: str) -> None:
    assert read(imageStore=url).image_store == url


@pytest.mark.parametrize(
    "url",
    [
        "images",
        "/srv/images",
        "file://srv",
        "s3://",
        "s3://-o",
        "ssh://-oProxyCommand=x",
        "ssh://a@-oProxyCommand=x",
        "daemon",
        "https://a b",
        "git+https://a",
        "https://a#b",
    ],
)
def test_what_is_no_image_store_is_refused(url: str) -> None:
    error = refusal(imageStore=url)
    assert error.key == "flakeship:imageStore"
    assert "s3://" in error.allowed


@pytest.mark.parametrize("url", ["https://me:hunter2@cache.example.com", "s3://a:hunter2@b/c"])
def test_an_image_store_has_no_password(url: str) -> None:
    error = refusal(imageStore=url)
    assert error.key == "flakeship:imageStore"
    assert "hunter2" not in str(error)
    assert "credentials" in error.remedy
