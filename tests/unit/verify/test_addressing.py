"""Where an address came from: a lease with or without an end, cloud-init, or the image."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.verify.checks import addressing
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Addressing
from tests.unit.verify.machines import REQUEST, machine, subject

FOREVER = (
    machine().text("addresses").replace(" dynamic ens3", " ens3").replace("86315sec", "forever")
)


def came(addresses: str, origins: str = "", addressed: Addressing = "dhcp") -> str:
    request = replace(REQUEST, addressing=addressed)
    return addressing.dhcp(subject(machine(addresses=addresses, origins=origins), request))


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (
            "lease /run/systemd/netif/leases/2: ADDRESS=10.0.2.15",
            "lease without an end (/run/systemd/netif/leases/2)",
        ),
        ("lease dhcpcd: '10.0.2.15'", "lease without an end (dhcpcd)"),
        ("lease dhcpcd: 10.0.2.15", "lease without an end (dhcpcd)"),
        (
            "lease /var/lib/dhcp/dhclient.leases:   fixed-address 10.0.2.15;",
            "lease without an end (/var/lib/dhcp/dhclient.leases)",
        ),
        (
            "cloud-init /etc/systemd/network/10-cloud-init-ens3.network: Address=10.0.2.15/24",
            "by cloud-init (/etc/systemd/network/10-cloud-init-ens3.network)",
        ),
        (
            "cloud-init /etc/NetworkManager/system-connections/cloud-init-ens3.nmconnection: "
            "address1=10.0.2.15/24,10.0.2.1",
            "by cloud-init",
        ),
        (
            "cutover /var/lib/flakeship/service-address: 10.0.2.15/24",
            "by cutover (/var/lib/flakeship/service-address)",
        ),
    ],
)
def test_an_address_without_an_end_has_an_origin(line: str, detail: str) -> None:
    assert detail in came(FOREVER, f"lease /run/x: ADDRESS=10.9.9.9\n{line}")


@pytest.mark.parametrize(
    "origins",
    ["", "lease dhcpcd: 10.0.2.150", "lease dhcpcd: 110.0.2.15", "lease /run/10.0.2.15: x"],
)
def test_an_address_without_an_origin_is_static(origins: str) -> None:
    with pytest.raises(Failed, match=r"10.0.2.15 on ens3 is static, not a DHCP lease: it has no "):
        came(FOREVER, origins)


def test_without_dhcp_in_the_network_only_the_address_is_asked_for() -> None:
    assert came(FOREVER, addressed="static").startswith("10.0.2.15 on ens3; not asked where it ")
    with pytest.raises(Failed, match=r"no address in 10\.0\.2\.0/24"):
        came(FOREVER.replace("10.0.2.15", "10.9.9.9"), addressed="static")


def test_a_lease_with_an_end_is_one() -> None:
    assert came(machine().text("addresses")) == "10.0.2.15 on ens3, lease of 86315 s"


@pytest.mark.parametrize("nonsense", ["10.0.2.999", "fe80::1%", "10.0.2.15%ens3", "9" * 5000])
def test_an_address_of_nonsense_is_unreadable(nonsense: str) -> None:
    with pytest.raises(Failed, match="`ip addr` cannot be read"):
        came(FOREVER.replace("10.0.2.15", nonsense))


def static(addresses: str, origins: str = "", address: str = "10.0.2.15") -> str:
    return addressing.static(address, subject(machine(addresses=addresses, origins=origins)))


def test_an_address_for_good_is_static() -> None:
    assert static(FOREVER) == "10.0.2.15 on ens3, static"
    file = "cloud-init /etc/systemd/network/10-cloud-init-ens3.network: Address=10.0.2.15/24"
    assert "static, by cloud-init" in static(FOREVER, file)
    assert static(FOREVER, "lease dhcpcd: 10.0.2.150") == "10.0.2.15 on ens3, static"
    assert static(FOREVER.replace("10.0.2.15", "2001:db8::1"), address="2001:DB8:0::1")


@pytest.mark.parametrize(
    ("addresses", "origins"),
    [
        (machine().text("addresses"), ""),
        (machine().text("addresses").replace(" dynamic ens3", " ens3"), ""),
        (FOREVER, "lease /run/systemd/netif/leases/2: ADDRESS=10.0.2.15"),
    ],
)
def test_a_lease_is_not_static(addresses: str, origins: str) -> None:
    with pytest.raises(Failed, match=r"10\.0\.2\.15 on ens3 is not static: "):
        static(addresses, origins)


def test_a_machine_without_its_static_address() -> None:
    with pytest.raises(Failed, match=r"10\.0\.2\.1 is not among its addresses: 10\.0\.2\.15"):
        static(FOREVER, address="10.0.2.1")
