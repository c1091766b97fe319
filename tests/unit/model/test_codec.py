"""Requests as the state keeps them: what a command resource compares to find out whether to run."""

from __future__ import annotations

import pytest

from flakeship.model.checks import Check
from flakeship.model.codec import dump, parse, plain
from flakeship.model.ports import Port
from flakeship.verify.request import VerifyRequest
from tests.unit.verify.machines import REQUEST


def test_a_request_comes_back_as_it_was() -> None:
    assert parse(VerifyRequest, dump(REQUEST)) == REQUEST


def test_a_model_has_the_keys_of_the_settings_without_its_defaults() -> None:
    whole = Port(port=80, needs_data=True, allow_from=["192.0.2.0/24"], host_port=8080)
    assert plain(whole) == {
        "port": 80,
        "needsData": True,
        "allowFrom": ["192.0.2.0/24"],
        "hostPort": 8080,
    }
    assert plain(Check(name="page", http=80, timeout=10.0)) == {"name": "page", "http": 80}


def test_how_a_port_is_reached_is_no_part_of_what_is_verified() -> None:
    one = Port(port=80, protocol="http", needs_data=True)
    other = Port(
        port=80, protocol="http", needs_data=True, host_port=8080, allow_from=["192.0.2.0/24"]
    )
    assert dump(one.verified) == dump(other.verified) == dump(one)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        dump({"x": object()})
