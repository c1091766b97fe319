"""What the target's settings accept and refuse, with the key and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from flakeship.config.server import Server
from flakeship.config.settings import Settings
from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.fields import (
    Bridge,
    CpuType,
    Domain,
    Endpoint,
    Fingerprint,
    Gateway,
    IdRange,
    InterfaceAddress,
    NodeName,
    PoolName,
    StorageName,
)
from flakeship.targets.proxmox.server_settings import ProxmoxServer
from flakeship.targets.proxmox.settings import ProxmoxSettings
from tests.conformance.test_strict import (
    HIDDEN,
    NO_FLAGS,
    NO_NUMBERS,
    NO_TEXTS,
    leaves,
    models,
)
from tests.targets.proxmox.unit.schema import ADDRESSES, read, server

PRINT = ":".join(["FD", "52", "0F", "33"] * 8)
SERVICE = "192.0.2.80/24"
WAY = "192.0.2.1"


def refused(*given: Any, **core: Any) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        read(*given, **core)
    return caught.value


def accepted(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


def test_little_has_to_be_said() -> None:
    found = read()
    assert found.options.storage.images == "local"
    assert found.options.storage.disks == "local-lvm"
    assert found.options.ids == range(9000, 9100)
    assert found.instances[0].options.start_on_boot


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (Endpoint, "https://pve1.example.com", "https://pve1.example.com:8006"),
        (Endpoint, "https://192.0.2.5:443/", "https://192.0.2.5:443"),
        (Endpoint, "https://[2001:db8::5]:8006", "https://[2001:db8::5]:8006"),
        (Endpoint, "", ""),
        (Fingerprint, PRINT, PRINT),
        (Fingerprint, PRINT.lower().replace(":", ""), PRINT),
        (IdRange, "100-100", "100-100"),
        (InterfaceAddress, "192.0.2.10/24", "192.0.2.10/24"),
        (InterfaceAddress, "192.0.2.10/31", "192.0.2.10/31"),
        (InterfaceAddress, "2001:DB8::10/64", "2001:db8::10/64"),
        (Domain, "Web.Example.org", "web.example.org"),
        (PoolName, "a/b/c", "a/b/c"),
        (CpuType, "x86-64-v2-AES", "x86-64-v2-AES"),
    ],
)
def test_what_is_accepted_is_kept_in_one_form(kind: Any, given: str, kept: str) -> None:
    assert accepted(kind, given) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Endpoint, "http://pve1.example.com:8006"),
        (Endpoint, "https://pve1.example.com:8006/api2"),
        (Endpoint, "https://root:secret@pve1"),
        (Endpoint, "https://pve1:99999"),
        (Endpoint, "https://pve1:x"),
        (Endpoint, "https://[fe80::1%eth0]:8006"),
        (Endpoint, "https://[::1"),
        (Endpoint, "https://"),
        (Endpoint, "https://pvé"),
        (Endpoint, "https://a b"),
        (Endpoint, "https://pve?x"),
        (Endpoint, "pve1:8006"),
        (Endpoint, "https://pve1\n"),
        (Fingerprint, PRINT[:-2]),
        (Fingerprint, PRINT.replace(":", "", 1)),
        (Fingerprint, "٣" * 64),
        (Fingerprint, "zz" * 32),
        (IdRange, "9099-9000"),
        (IdRange, "99-200"),
        (IdRange, "9000"),
        (IdRange, "100-999999"),
        (IdRange, "1000000000-1000000001"),
        (IdRange, "٩٠٠٠-٩٠٠١"),
        (IdRange, "9000-9001\n"),
        (InterfaceAddress, "192.0.2.10"),
        (InterfaceAddress, ""),
        (InterfaceAddress, "192.0.2.0/24"),
        (InterfaceAddress, "192.0.2.255/24"),
        (InterfaceAddress, "127.0.0.1/8"),
        (InterfaceAddress, "224.0.0.1/4"),
        (InterfaceAddress, "0.0.0.0/0"),
        (InterfaceAddress, "fe80::1/64"),
        (InterfaceAddress, "2001:db8::1%eth0/64"),
        (InterfaceAddress, "192.0.2.10/255.255.255.0x"),
        (Gateway, "192.0.2.1/24"),
        (Gateway, "fe80::1%\x1b[2J"),
        (Domain, ""),
        (Domain, "web"),
        (Domain, "web..org"),
        (NodeName, "-pve"),
        (NodeName, "pve1/../x"),
        (StorageName, "1local"),
        (StorageName, "local:x"),
        (PoolName, "a//b"),
        (PoolName, "a/b/c/d"),
        (Bridge, "a-bridge-of-more-than-15"),
        (CpuType, "host,flags=+aes"),
    ],
)
def test_what_the_api_would_not_take_is_refused(kind: Any, given: str) -> None:
    with pytest.raises(ValidationError):
        print(accepted(kind, given))


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    error = refused(None, {"endpoint": "https://root:hunter2@pve1:8006"})
    assert error.key == "flakeship:proxmox.endpoint"
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ({"gateway": "192.0.2.1"}, "gateway"),
        ({"dnsServers": ["192.0.2.53"]}, "dnsServers"),
        ({"searchDomain": "example.org"}, "searchDomain"),
        ({"addresses": ["192.0.2.10/24", "192.0.2.10/24"]}, "addresses"),
        ({"addresses": ["192.0.2.10/24", "198.51.100.10/24"]}, "addresses"),
        ({"addresses": ["192.0.2.10/24", "192.0.2.11/25"]}, "addresses"),
        ({"addresses": ADDRESSES, "gateway": "198.51.100.1"}, "gateway"),
        ({"addresses": ADDRESSES, "gateway": "192.0.2.10"}, "gateway"),
        ({"addresses": ADDRESSES, "gateway": "2001:db8::1"}, "gateway"),
        ({"serviceAddress": SERVICE, "dnsName": "web.example.org"}, "dnsName"),
        ({"serviceAddress": "192.0.2.255/20", "addresses": ADDRESSES}, "serviceAddress"),
        ({"serviceAddress": "192.0.2.0/20", "addresses": ADDRESSES}, "serviceAddress"),
        (
            {"serviceAddress": "192.0.2.1/24", "addresses": ADDRESSES, "gateway": WAY},
            "serviceAddress",
        ),
        ({"haGroup": "fast"}, "haGroup"),
        ({"bootOrder": []}, "bootOrder"),
        ({"bootOrder": ["network"]}, "bootOrder"),
        ({"bootOrder": ["disk", "disk"]}, "bootOrder"),
        ({"dnsName": "web.example.org"}, "dnsName"),
    ],
)
def test_keys_of_a_server_that_contradict_each_other(own: dict[str, Any], key: str) -> None:
    assert refused([server(**own)]).key == f"flakeship:servers[0].proxmox.{key}"


def test_keys_of_a_server_that_fit_each_other() -> None:
    found = read(
        [
            server(
                addresses=ADDRESSES,
                gateway="192.0.2.1",
                dnsServers=["192.0.2.53"],
                searchDomain="example.org",
                serviceAddress=SERVICE,
                bootOrder=["network", "disk"],
                ha=True,
                haGroup="fast",
                vlan=0,
            )
        ]
    )
    assert found.instances[0].options.vlan == 0


def test_a_service_address_is_one_servers_and_no_machines() -> None:
    both = [
        server("web", serviceAddress=SERVICE),
        server("db", serviceAddress=SERVICE),
    ]
    assert refused(both).key == "flakeship:servers[1].proxmox.serviceAddress"
    own = [server(addresses=ADDRESSES, serviceAddress=ADDRESSES[0])]
    assert refused(own).key == "flakeship:servers[0].proxmox.serviceAddress"
    for number, pair in enumerate(
        (
            [server(serviceAddress="192.0.2.1/24"), server("db", addresses=ADDRESSES, gateway=WAY)],
            [server("db", addresses=ADDRESSES, gateway=WAY), server(serviceAddress="192.0.2.1/24")],
        )
    ):
        assert refused(pair).key == f"flakeship:servers[{number}].proxmox.serviceAddress"
    lower = [server("db", addresses=ADDRESSES, gateway=WAY), server(addresses=["192.0.2.1/25"])]
    assert refused(lower).key == "flakeship:servers[1].proxmox.addresses[0]"
    many = [{**server(serviceAddress=SERVICE), "count": 2}]
    assert refused(many).key == "flakeship:servers[0].proxmox.serviceAddress"


def test_dns_names_are_in_the_zone_that_is_updated(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("c2VjcmV0")
    updates = {"server": "192.0.2.53", "zone": "example.org", "key": "k.example.org"}
    given = {"dnsUpdates": {**updates, "keyFile": str(key)}}
    assert read([server(dnsName="web.example.org")], given)
    for names, number in (
        (["web.example.com"], 0),
        (["webexample.org"], 0),
        (["web.example.org", "web.example.org"], 1),
    ):
        servers = [server(f"s{n}", dnsName=name) for n, name in enumerate(names)]
        assert refused(servers, given).key == f"flakeship:servers[{number}].proxmox.dnsName"
    missing = {"dnsUpdates": {**updates, "keyFile": "/nonesuch"}}
    assert refused(None, missing).key == "flakeship:proxmox.dnsUpdates.keyFile"


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ({"fingerprint": PRINT, "caFile": "/etc/hostname"}, "caFile"),
        ({"caFile": "/nonesuch"}, "caFile"),
        ({"tokenFile": "/nonesuch"}, "tokenFile"),
        ({"nodes": ["pve1", "pve1"]}, "nodes"),
        ({"clone": "copy"}, "clone"),
        ({"vlan": 4095}, "vlan"),
        ({"nonesuch": 1}, "nonesuch"),
    ],
)
def test_keys_of_the_stack_that_are_wrong(own: dict[str, Any], key: str) -> None:
    assert refused(None, own).key == f"flakeship:proxmox.{key}"


FIELDS = [
    pytest.param(plain, whole, id=f"{model.__name__}-{name}-{number}")
    for model in sorted(
        models(Settings[ProxmoxSettings, ProxmoxServer], set()), key=lambda model: model.__name__
    )
    if model.__module__.startswith("flakeship.targets.proxmox")
    if not issubclass(model, (Settings, Server))
    for name, field in model.model_fields.items()
    for number, (plain, whole) in enumerate(leaves(field.annotation, tuple(field.metadata)))
]


@pytest.mark.parametrize(("plain", "whole"), FIELDS)
def test_every_field_is_strict(plain: type, whole: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(whole, config=ConfigDict(strict=True))
    wrong = {int: NO_NUMBERS, bool: NO_FLAGS, str: NO_TEXTS}[plain]
    for value in (*wrong, *(HIDDEN if plain is str else [])):
        with pytest.raises(ValidationError):
            print(repr(value), adapter.validate_python(value))
