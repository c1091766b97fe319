"""The limit of open files is a process': each of these runs in one of its own."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flakeship.system.open_files import Places
from flakeship.system.process import run

LIMITED = """
import json, resource, sys
from flakeship.system import open_files
soft, hard, most = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(json.dumps([open_files.allowed(most), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "then"),
    [
        (256, 4000, 1000, 1000),  # raised as far as it is of use
        (256, 700, 700, 700),  # as far as the hard limit allows
        (300, 300, 300, 300),
        (2000, 4000, 1000, 2000),  # never lowered
    ],
)
def test_the_soft_limit_is_raised(soft: int, hard: int, allowed: int, then: int) -> None:
    numbers = [str(soft), str(hard), "1000"]
    found = json.loads(run([sys.executable, "-c", LIMITED, *numbers]).stdout)
    assert found == [allowed, then, hard]


def test_who_takes_several_places_waits_until_they_are_free() -> None:
    places, taken, ended = Places(10), threading.Event(), threading.Event()

    def take() -> None:
        with places.taken(7):
            taken.set()
            assert ended.wait(20)

    def follow() -> bool:
        with places.taken(4):
            return ended.is_set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(take)
        assert taken.wait(20)
        second = pool.submit(follow)
        with places.taken(3):  # those that are left
            assert not second.done()
        ended.set()
        first.result()
        assert second.result()
    with pytest.raises(ZeroDivisionError), places.taken(10):
        raise ZeroDivisionError
    with places.taken(10):  # what has failed has given them back
        pass
