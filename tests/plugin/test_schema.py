"""The schema that programs in other languages see, and that it has all that the settings have."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest

from flakeship.config.server import DataDisk, Server, ServerOptions
from flakeship.model.checks import Check
from flakeship.model.fields import Model
from flakeship.model.ports import Port
from plugin import blocks
from plugin.catalog import Components
from plugin.local_server import LocalServerArgs
from plugin.settings import STACK

SCHEMA: dict[str, Any] = json.loads(Components().schema or "")
RESOURCES: dict[str, Any] = SCHEMA["resources"]


def test_the_components_and_what_they_need() -> None:
    assert {token: set(each["requiredInputs"]) for token, each in RESOURCES.items()} == {
        "flakeship:index:NixImage": {"flake", "host"},
        "flakeship:index:LocalServer": {"flake", "host"},
        "flakeship:index:GlanceImage": {"file", "sha512"},
    }
    assert {"path", "sha512", "name", "toplevel"} <= set(
        RESOURCES["flakeship:index:NixImage"]["required"]
    )
    assert {"machine", "release", "address", "ports", "ssh", "hostKeys", "checks"} == set(
        RESOURCES["flakeship:index:LocalServer"]["required"]
    )


@pytest.mark.parametrize("token", [*RESOURCES, *SCHEMA["types"]])
def test_everything_is_described(token: str) -> None:
    found = RESOURCES.get(token) or SCHEMA["types"][token]
    assert found["description"]
    for key, each in {**found["properties"], **found.get("inputProperties", {})}.items():
        assert each["description"].endswith((".", ": ", "`")), key


@pytest.mark.parametrize(
    ("kind", "model", "without"),
    [
        # a port of the workstation is not restricted to networks
        (blocks.Port, Port, {"allowFrom"}),
        (blocks.DataDisk, DataDisk, set()),
        (blocks.Check, Check, set()),
        # the name is that of the component
        (LocalServerArgs, Server[ServerOptions], {"name", "count", "@target", *STACK}),
    ],
)
def test_the_arguments_are_the_settings(kind: type, model: type[Model], without: set[str]) -> None:
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    assert set(get_type_hints(kind)) - without == aliases - without
