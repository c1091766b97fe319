"""Calls of the QEMU guest agent: the addresses of a machine, and its SSH host keys.

What it answers is a guest's word: it is bounded, and of a known shape, or it is nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, TypeVar

from pydantic import Field

from flakeship.model.text import clean, one_line
from flakeship.ssh import host_keys
from flakeship.targets.proxmox.api.answers import Flag, Words
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.own_words import hardware

WAY = "The guest agent"
FILES = tuple(f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("ed25519", "ecdsa", "rsa"))
LONGEST = 16 * 1024  # bytes of a public key: RSA's largest has 3 KiB

T = TypeVar("T")

Address = IPv4Address | IPv6Address
Short = Annotated[Words, Field(max_length=256)]


@dataclass(frozen=True)
class Fault:
    """Why the agent has refused a command."""

    desc: Words = ""


@dataclass(frozen=True)
class Refusal:
    """The answer of an agent that refuses: Proxmox VE hands it on as a result."""

    error: Fault


@dataclass(frozen=True)
class GivenAddress:
    """An address of a network card."""

    address: Annotated[Short, Field(alias="ip-address")] = ""


@dataclass(frozen=True)
class Card:
    """A network card, as the guest sees it."""

    hardware: Annotated[Short, Field(alias="hardware-address")] = ""
    addresses: Annotated[list[GivenAddress], Field(alias="ip-addresses", max_length=4096)] = field(
        default_factory=list
    )


@dataclass(frozen=True)
class Cards:
    """The answer of `network-get-interfaces`."""

    result: Annotated[list[Card], Field(max_length=4096)] | Refusal


@dataclass(frozen=True)
class Content:
    """The answer of `file-read`."""

    content: Words
    truncated: Flag = False


class AgentError(Exception):
    """The agent does not answer, or not so that we can use it; the reason in a few words."""


@dataclass(frozen=True)
class Addresses:
    """The first addresses of a machine that others can reach it at."""

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


def addresses(guest: Guest) -> Addresses:
    """The addresses of the network cards that Proxmox VE has given a machine, none of others.

    A guest may have bridges of its own, with addresses that nobody else reaches. Raises AgentError,
    and ApiError for a missing privilege.
    """
    own = hardware(guest.get(dict[str, object], "config"))
    cards = _asked(guest, Cards, "network-get-interfaces").result
    if isinstance(cards, Refusal):
        raise AgentError(one_line(cards.error.desc) or "it refuses to tell the addresses")
    seen = [each for card in cards if card.hardware.lower() in own for each in _usable(card)]
    return Addresses(
        next((each for each in seen if isinstance(each, IPv4Address)), None),
        next((each for each in seen if isinstance(each, IPv6Address)), None),
    )


def keys(guest: Guest) -> list[str]:
    """The public host keys of a machine, empty where it has none. Raises as `addresses`."""
    contents = filter(None, (_read(guest, file) for file in FILES))
    text = "\n".join([host_keys.BEGIN, *contents, host_keys.END])
    return next(reversed(host_keys.blocks(text)), [])


def usable(text: str) -> Address | None:
    """An address that others can reach; None for anything else."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    local = found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified
    return None if local else found


def _usable(card: Card) -> Iterator[Address]:
    return filter(None, (usable(each.address) for each in card.addresses))


def _read(guest: Guest, file: str) -> str:
    """The content of a small file, empty where there is none."""
    try:
        found = _asked(guest, Content, "file-read", file=file)
    except AgentError as error:
        if "No such file" in str(error):
            return ""
        raise
    whole = not found.truncated and len(found.content) <= LONGEST
    return clean(found.content) if whole else ""


def _asked(guest: Guest, kind: type[T], command: str, **given: str) -> T:
    try:
        return guest.get(kind, "agent", command, **given)
    except ApiError as error:
        if error.status == 403:
            raise
        raise AgentError(one_line(error.said) or error.what) from error
