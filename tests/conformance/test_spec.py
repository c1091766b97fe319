"""A target's specification: complete, true, and cheap to import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from flakeship.config.server import ServerOptions
from flakeship.config.settings import TargetOptions
from flakeship.model.checks import BUILT_IN
from flakeship.model.release import Firmware, Format
from flakeship.state.resources import Kind
from flakeship.state.stack import Stack
from flakeship.targets import registry
from flakeship.targets.base import Operator, Preloaded, ResourceType, Target
from tests.conformance.stack import Deployed

ROOT = Path(__file__).parents[2]
WORDS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def modules(statement: str) -> set[str]:
    """What is imported by a statement, in an interpreter of its own."""
    show = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(found.stdout))


def test_it_says_what_the_target_is(target: str) -> None:
    spec = registry.spec(target)
    assert spec.name == target
    assert WORDS.fullmatch(target)
    assert issubclass(spec.settings, TargetOptions)
    assert issubclass(spec.server, ServerOptions)
    assert spec.images.formats
    assert set(spec.images.formats) <= set(get_args(Format))
    assert spec.images.firmware
    assert set(spec.images.firmware) <= set(get_args(Firmware))
    assert spec.images.variants
    for name in (*spec.checks, *(plugin.name for plugin in spec.plugins)):
        assert WORDS.fullmatch(name)
    assert not spec.checks & BUILT_IN


def test_its_three_faces_are_complete(deployed: Deployed) -> None:
    from flakeship.config.settings import validated  # noqa: PLC0415

    settings = validated(deployed.settings, deployed.spec, registry.names())
    faces: list[tuple[object, type]] = [
        (deployed.spec.open("dev", settings), Target),
        (deployed.spec.operator(Stack("dev", {})), Operator),
    ]
    for face, protocol in faces:
        for name in (name for name in vars(protocol) if not name.startswith("_")):
            assert callable(getattr(face, name)), name


def test_every_resource_type_has_inputs_that_are_read_from_json(target: str) -> None:
    types = registry.spec(target).resource_types()
    assert any(name.endswith("Verification") for name in types)
    for name, kind in types.items():
        assert re.fullmatch("([A-Z][a-z]+)+", name)
        assert isinstance(kind, ResourceType)
        request = kind.request
        assert is_dataclass(request)
        assert TypeAdapter(request).json_schema()["type"] == "object"
        # Pulumi keeps these for itself, and the result is beside the inputs
        assert not {"id", "urn", "result"} & {field.name for field in fields(request)}


def test_what_its_operations_need_can_be_imported(target: str) -> None:
    for what in get_args(Preloaded):
        registry.spec(target).preload(what)


def test_every_function_has_a_request_and_an_answer_that_are_read_from_json(target: str) -> None:
    for name, function in registry.spec(target).functions().items():
        assert re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)
        for kind in (function.request, function.answer):
            assert is_dataclass(kind)
            assert TypeAdapter(kind).json_schema()["type"] == "object"


def test_its_kinds_of_resources_do_not_overlap(target: str) -> None:
    from importlib import import_module  # noqa: PLC0415

    own = vars(import_module(f"flakeship.targets.{target}.resources")).values()
    core = vars(import_module("flakeship.state.stack")).values()
    prefixes = {each.prefix for each in (*own, *core) if isinstance(each, Kind)}
    for one in prefixes:
        assert [other for other in prefixes if f"{one}-".startswith(f"{other}-")] == [one]


@pytest.fixture(scope="module")
def registered() -> set[str]:
    """What the registry imports for any target."""
    return modules("import flakeship.targets.registry, flakeship.targets.base")


def test_importing_it_brings_nothing_else(target: str, registered: set[str]) -> None:
    more = modules(f"import flakeship.targets.{target}.spec") - registered
    own = {f"flakeship.targets.{target}", f"flakeship.targets.{target}.spec"}
    foreign = {
        name
        for name in more
        if not name.startswith(f"flakeship.targets.{target}")
        and not name.startswith("flakeship.config")
        and name.split(".")[0] not in sys.stdlib_module_names
    }
    assert own <= more
    assert foreign == set()
