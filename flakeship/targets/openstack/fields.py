"""The fields of settings that a cloud alone has, and what Neutron and Nova take in them."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from flakeship.model.fields import Text, network, script, wrong
from flakeship.ssh import public_key

MOST_USER_DATA = 49_149  # bytes: Nova takes 65,535 in base64


def _ipv6(value: str) -> str:
    if not value:
        return value
    found = ipaddress.ip_network(network(value))
    if found.version != 6 or found.prefixlen != 64:
        raise wrong(
            "must be an IPv6 network with 64 bits: addresses are configured by SLAAC",
            allowed="such as fd00:1::/64",
        )
    return value


def _ipv4(value: str) -> str:
    found = ipaddress.ip_network(network(value))
    if found.version != 4 or not 8 <= found.prefixlen <= 29:
        raise wrong(
            "must be an IPv4 network with 8 to 29 bits: of a router, a DHCP server and servers",
            allowed="such as 10.20.0.0/24",
        )
    return value


def _floating(value: str) -> str:
    if value in ("floating", "none"):
        return value
    try:
        return str(ipaddress.IPv4Address(value if value.isascii() else ""))
    except ValueError:
        raise wrong(
            "is no address",
            allowed="floating, none, or an existing floating IP such as 203.0.113.7",
        ) from None


def _host_key(value: str) -> str:
    """A public key without its comment; what is none is never repeated: it may be a private one."""
    if fault := public_key.fault(value.strip()):
        raise wrong(
            fault,
            allowed=", ".join(public_key.TYPES),
            remedy="write `ssh-ed25519 AAAA…` from /etc/ssh/ssh_host_ed25519_key.pub on that "
            "machine itself, or from its administrator",
            hide=True,
        )
    return " ".join(value.split()[:2])


def _user_data(value: str) -> str:
    """A text or a file; never repeated, as it may hold secrets."""
    try:
        size = len(script(value).encode())
    except PydanticCustomError as error:
        raise wrong(str(error.message()), hide=True) from None
    if size > MOST_USER_DATA:
        raise wrong(f"must have at most {MOST_USER_DATA} bytes, and has {size}", hide=True)
    return value


ProjectId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        title="the 32 hexadecimal digits of a project's id (`openstack project show NAME`)",
    ),
]
Ipv4 = Annotated[str, AfterValidator(_ipv4)]
Ipv6 = Annotated[str, AfterValidator(_ipv6)]
FloatingIp = Annotated[str, AfterValidator(_floating)]
HostKey = Annotated[str, AfterValidator(_host_key)]
UserData = Annotated[str, AfterValidator(_user_data)]
MetadataKey = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:-]{1,255}$",
        title="up to 255 letters, digits, underscores, dots, colons and dashes",
    ),
]
Metadata = dict[MetadataKey, Annotated[Text, Field(max_length=255)]]
