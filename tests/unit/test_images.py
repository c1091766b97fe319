"""The error about files that nothing has names every way out that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.release.image_files import ImageFiles
from flakeship.targets.base import Plan
from tests.unit.model.test_ledger import record

ONE = record(1)


class Nowhere(ImageFiles):
    """Files that no place has."""

    def obtain(self, request: Any, *, fetch: bool) -> str:  # noqa: ARG002
        raise FlakeshipError("it is nowhere", key=request.release, remedy="copy it")


@pytest.mark.parametrize(
    ("ways", "remedy"), [({}, "copy it"), ({ONE.name: "share it"}, "share it; or copy it")]
)
def test_what_would_spare_the_files_is_named(ways: Mapping[str, str], remedy: str) -> None:
    from components import images  # noqa: PLC0415

    plan = SimpleNamespace(
        releases={"web": ONE.release}, needs_files={ONE.name}, instead_of_files=ways
    )
    with pytest.raises(FlakeshipError) as raised:
        asyncio.run(
            images.obtain_files(Nowhere("dev", "", [ONE]), cast("Plan", plan), preview=True)
        )
    assert (raised.value.key, raised.value.remedy) == (ONE.name, remedy)
