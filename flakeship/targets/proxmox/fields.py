"""The fields of settings that only Proxmox VE has, and what its API takes in them."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from flakeship.model.addresses import HOST_NAME
from flakeship.model.fields import Whole, wrong

PORT = 8006  # of pveproxy
FIRST_ID = 100  # Proxmox VE keeps those below for itself
MOST_IDS = 10_000  # of a range: its free ones are listed

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _endpoint(value: str) -> str:
    """`https://<host>:<port>`: Pulumi's plugin takes no other scheme, and drops a path."""
    if not value:
        return value
    shape = re.fullmatch(r"https://([^/?#@\s]+)/?", value) if value.isascii() else None
    try:
        parts = urlsplit(value)
        port = parts.port or PORT
    except ValueError:
        shape = None
    host = shape and (parts.hostname or "")
    if not shape or not host or not (HOST_NAME.fullmatch(host) or _is_ipv6(host)):
        raise wrong(
            "must be an address of the API",
            allowed="such as https://pve1.example.com:8006",
            remedy="leave out user, password and path" if "@" in value else "",
            hide="@" in value,
        )
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _fingerprint(value: str) -> str:
    """A SHA-256 in hexadecimal with colons, as `pvenode cert info` shows it."""
    if not value:
        return value
    digits = value.replace(":", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits) or (
        ":" in value and not re.fullmatch(r"([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}", value)
    ):
        raise wrong(
            "must be the SHA-256 fingerprint of the certificate",
            allowed="32 pairs of hexadecimal digits with colons, as `pvenode cert info` shows them",
        )
    return ":".join(re.findall("..", digits.upper()))


def _ids(value: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]{2,8})-([1-9][0-9]{2,8})", value)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not FIRST_ID <= first <= last < first + MOST_IDS:
        raise wrong(
            f"must be a range of at most {MOST_IDS} ids from {FIRST_ID} on",
            allowed="such as 9000-9099",
        )
    return value


def _interface(value: str) -> str:
    """An address of a machine with the length of its network's prefix."""
    try:
        plain = value if value.isascii() and "%" not in value and "/" in value else ""
        found = ipaddress.ip_interface(plain)
    except ValueError:
        found = None
    if found is None or _no_machine(found):
        raise wrong(
            "must be the address of a machine, with the length of its prefix",
            allowed="such as 192.0.2.10/24 or 2001:db8::10/64",
        )
    return str(found)


def _no_interface(value: str) -> str:
    return value and _interface(value)


def _gateway(value: str) -> str:
    try:
        plain = value if value.isascii() and "%" not in value else ""
        return value and str(ipaddress.ip_address(plain))
    except ValueError:
        raise wrong("must be an IP address", allowed="such as 192.0.2.1 or 2001:db8::1") from None


def is_no_machines(address: Ip, network: Network) -> bool:
    """Whether it is the network's own address, or that of its broadcasts.

    A network of two addresses or one has none for itself (RFC 3021, RFC 6164).
    """
    edges = [network.network_address, *([network.broadcast_address] * (network.version == 4))]
    return network.num_addresses > 2 and address in edges


def _no_machine(found: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    address = found.ip
    special = (
        address.is_loopback or address.is_multicast or address.is_unspecified
    ) or address.is_link_local
    return special or is_no_machines(address, found.network)


def _given(value: str) -> str:
    if not value:
        raise wrong("must not be empty", allowed="such as web.example.com")
    return value


def _domain(value: str) -> str:
    if value and not (HOST_NAME.fullmatch(value) and "." in value):
        raise wrong("must be a domain name", allowed="such as web.example.com")
    return value.lower()


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
IdRange = Annotated[str, AfterValidator(_ids)]
InterfaceAddress = Annotated[str, AfterValidator(_interface)]
NoInterfaceAddress = Annotated[str, AfterValidator(_no_interface)]
Gateway = Annotated[str, AfterValidator(_gateway)]
NoDomain = Annotated[str, AfterValidator(_domain)]
Domain = Annotated[str, AfterValidator(_given), AfterValidator(_domain)]
Vlan = Annotated[int, Field(ge=0, le=4094), Whole]
NodeName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        title="the name of a node: up to 63 letters, digits and dashes",
    ),
]
NoNodeName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$",
        title="nothing, or the name of a node: up to 63 letters, digits and dashes",
    ),
]
StorageName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,98}[A-Za-z0-9]$",
        title="the name of a storage: letters, digits, dots, dashes and underscores, first a "
        "letter",
    ),
]
PoolName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64}){0,2})?$",
        title="nothing, or the name of a pool: letters, digits, dots, dashes and underscores, "
        "with up to two slashes",
    ),
]
Bridge = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$",
        title="the name of a bridge or VNet: up to 15 letters, digits, dots, dashes and "
        "underscores",
    ),
]
NoBridge = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,14})?$",
        title="nothing, or the name of a bridge or VNet: up to 15 letters, digits, dots, dashes "
        "and underscores",
    ),
]
CpuType = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$",
        title="a CPU type of Proxmox VE, such as host or x86-64-v2-AES",
    ),
]
NoCpuType = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,59})?$",
        title="nothing, or a CPU type of Proxmox VE, such as host or x86-64-v2-AES",
    ),
]
