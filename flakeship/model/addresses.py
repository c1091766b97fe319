"""Fields of settings that are IP addresses or host names."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from flakeship.model.fields import wrong

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)*(?![0-9]+\Z){LABEL}")


def _address(value: str) -> str:
    """An IP address without a zone."""
    try:
        # ipaddress takes the digits of every script, and anything for a zone
        ipaddress.ip_address(value if value.isascii() and "%" not in value else "")
    except ValueError:
        raise wrong("must be an IP address", allowed="such as 9.9.9.9 or 2620:fe::fe") from None
    return value


def _host(value: str) -> str:
    """An IP address without a zone, or a host name."""
    try:
        if "%" not in value and value.isascii():
            return str(ipaddress.ip_address(value))
    except ValueError:
        if HOST_NAME.fullmatch(value):
            return value
    raise wrong("is no address", allowed="such as 198.51.100.7, 2001:db8::7 or bastion.example.com")


Address = Annotated[str, AfterValidator(_address)]
Host = Annotated[str, AfterValidator(_host)]
