"""IP addresses and host names in settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from flakeship.model.addresses import Address, Host

NO_ADDRESSES = [
    "",
    "1.2.3",
    "1.2.3.4/24",
    "٣.٣.٣.٣",
    "fe80::1%eth0",
    "fe80::1%\x1b[2J",
    "1.2.3.4\n",
    "300.1.1.1",
]


def accepted(kind: Any, value: str) -> str:
    found: str = TypeAdapter(kind).validate_python(value)
    return found


@pytest.mark.parametrize("kind", [Address, Host])
@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_what_is_no_address_is_refused(kind: Any, value: str) -> None:
    with pytest.raises(ValidationError):
        accepted(kind, value)


@pytest.mark.parametrize("value", ["9.9.9.9", "2620:fe::fe"])
def test_addresses_of_both_families(value: str) -> None:
    assert accepted(Address, value) == value
    assert accepted(Host, value) == value


def test_a_host_may_have_a_name() -> None:
    assert accepted(Host, "pve1.example.com") == "pve1.example.com"
    with pytest.raises(ValidationError):
        accepted(Address, "pve1.example.com")
