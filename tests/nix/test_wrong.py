"""Where a host does it wrong, the checks of test_hosts see it."""

from __future__ import annotations

import pytest

from flakeship.model.errors import CommandError
from tests.nix import graph
from tests.nix.known import Known, Repository


def wrong(repository: Repository, what: str) -> Known:
    """The facts of a host that does one thing wrong."""
    return Known("web", "netboot", repository.drv(f"{repository.facts}#wrong.{what}.web.netboot"))


@pytest.mark.parametrize("what", ["warning", "assertion"])
def test_a_warning_and_a_failed_assertion_fail(repository: Repository, what: str) -> None:
    for _ in range(2):  # the second is answered by the cache
        with pytest.raises(CommandError, match=r"the disk is made of cheese|cached failure"):
            wrong(repository, what)


def test_too_little_memory_to_netboot_is_refused(repository: Repository) -> None:
    with pytest.raises(CommandError, match=r"flakeship\.memory: .* needs 1112 MiB or more, got"):
        wrong(repository, "memory")


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("registry", "is the source of nixpkgs"),
        ("channel", "is the source of nixpkgs"),
        ("flake", "is the source of a flake"),
        ("key", "holds a private key"),
        ("age", "holds a private key"),
        ("tunnel", "holds a private key"),
        ("crypt6", "holds a private key"),
        ("yescrypt", "holds a private key"),
    ],
)
def test_it_is_seen_in_the_graph(repository: Repository, what: str, problem: str) -> None:
    (found,) = graph.problems(wrong(repository, what).release_drv)
    assert found.endswith(problem)
