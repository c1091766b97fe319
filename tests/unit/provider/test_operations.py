"""Which operation a type has, and what it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.provider import operations
from flakeship.provider.operations import CREATE, DELETE, Operation
from flakeship.rollout.ownership import Owner
from flakeship.targets.base import ResourceType
from flakeship.targets.fake import cloud
from flakeship.targets.fake.resource_types import TYPES
from flakeship.targets.fake.resources import CutoverRequest

TYPE = "flakeship:fake:Cutover"
INPUTS = codec.dump(CutoverRequest(Owner("dev", "web"), "machine-1"))


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_resource_is_made_brought_up_to_date_and_removed() -> None:
    made = operations.run(Operation(TYPE, CREATE, INPUTS))
    again = operations.run(Operation(TYPE, CREATE, INPUTS, json.dumps(made)))
    assert made == again == {"id": cloud.read("dev").of("address")[0].id}
    assert operations.run(Operation(TYPE, DELETE, INPUTS, json.dumps(made))) == {}
    assert not cloud.read("dev").objects


@pytest.mark.parametrize(
    "token", ["flakeship:fake:Nothing", "other:fake:Cutover", "flakeship:nowhere:Cutover", "x"]
)
def test_an_unknown_type_is_refused(token: str) -> None:
    with pytest.raises(FlakeshipError) as raised:
        operations.run(Operation(token, CREATE, INPUTS))
    assert raised.value.given in {token, token.split(":")[1] if ":" in token else ""}


@pytest.mark.parametrize("inputs", ["{}", "[]", "null", INPUTS.replace("machine-1", "1") + "x"])
def test_inputs_that_do_not_fit_are_refused(inputs: str) -> None:
    with pytest.raises(FlakeshipError) as raised:
        operations.request(TYPE, inputs)
    assert (raised.value.code, raised.value.key) == ("state-unreadable", TYPE)


def test_a_result_that_pulumi_would_change_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = ResourceType(CutoverRequest, lambda *_: {"boots": [2**60 + 1]})
    monkeypatch.setitem(cast("dict[str, ResourceType]", TYPES), "Cutover", counted)
    with pytest.raises(FlakeshipError) as raised:
        operations.run(Operation(TYPE, CREATE, INPUTS))
    assert (raised.value.code, raised.value.key) == ("property-inexact", "result.boots[0]")
    assert raised.value.given == str(2**60 + 1)
