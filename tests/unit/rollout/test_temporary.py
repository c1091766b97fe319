"""What exists for one verification goes with it."""

from __future__ import annotations

import signal

import pytest

from flakeship.rollout.ownership import temporary


class Store:
    def __init__(self) -> None:
        self.there: list[str] = []

    def make(self) -> str:
        self.there.append("made")
        return "made"


@pytest.fixture
def store() -> Store:
    return Store()


def test_it_exists_inside_the_block_alone(store: Store) -> None:
    with temporary(store.make, store.there.remove) as made:
        assert store.there == [made]
    assert store.there == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_it_is_removed_whatever_happens(store: Store, error: type[BaseException]) -> None:
    with pytest.raises(error), temporary(store.make, store.there.remove):
        raise error
    assert store.there == []


def test_what_a_killed_run_left_is_taken_over_and_removed(store: Store) -> None:
    store.there.append("left")
    with temporary(store.make, store.there.remove, lambda: store.there[0]) as found:
        assert found == "left"
        assert store.there == ["left"]
    assert store.there == []


def test_what_could_not_be_made_is_not_removed(store: Store) -> None:
    def refuse() -> str:
        raise OSError("quota")

    with pytest.raises(OSError, match="quota"), temporary(refuse, store.there.remove):
        raise AssertionError("not reached")


def test_an_interruption_while_it_is_made_leaves_nothing(store: Store) -> None:
    def interrupted() -> str:
        signal.raise_signal(signal.SIGINT)
        return store.make()

    with pytest.raises(KeyboardInterrupt), temporary(interrupted, store.there.remove):
        raise AssertionError("not reached")
    assert store.there == []


def test_an_interruption_while_it_is_removed_comes_afterwards(store: Store) -> None:
    def interrupted(made: str) -> None:
        signal.raise_signal(signal.SIGINT)
        store.there.remove(made)

    with pytest.raises(KeyboardInterrupt), temporary(store.make, interrupted):
        pass
    assert store.there == []
