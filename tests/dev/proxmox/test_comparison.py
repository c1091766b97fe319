"""The comparison of the replay finds what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dev.proxmox.comparison import differences

RECORDED = {
    "id": "qemu/100",
    "name": "web",
    "mem": 12,
    "status": "running",
    "net0": "virtio=BC:24:11:00:00:01",
}


def found(ours: Any, *, stale: bool = False) -> list[str]:
    return list(differences({"data": [dict(RECORDED)]}, {"data": ours}, stale=stale))


def test_figures_and_addresses_may_differ() -> None:
    assert found([RECORDED | {"mem": 13.5, "net0": "virtio=BC:24:11:FF:FF:FF"}]) == []


def test_a_list_that_is_behind_may_show_an_older_state() -> None:
    assert found([RECORDED | {"status": "stopped"}], stale=True) == []


@pytest.mark.parametrize(
    ("ours", "where"),
    [
        ([RECORDED | {"more": 1}], "more"),
        ([{key: value for key, value in RECORDED.items() if key != "name"}], "name"),
        ([RECORDED | {"mem": "12"}], ".mem"),
        ([RECORDED | {"status": "stopped"}], ".status"),
        ([RECORDED | {"id": "qemu/101"}], "qemu/101"),
        ([], "qemu/100"),
        (None, ".data"),
    ],
)
def test_everything_else_is_a_difference(ours: Any, where: str) -> None:
    assert any(where in each for each in found(ours))
