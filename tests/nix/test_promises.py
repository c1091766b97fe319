"""What a host promises a verification, as its configuration has it."""

from __future__ import annotations

import pytest

from flakeship.model.errors import CommandError
from tests.nix.known import Evaluations, Known, Repository


def appliance(repository: Repository, host: str, variant: str) -> Known:
    """A host with nixpkgs' profile image-based-appliance."""
    drv = repository.drv(f"{repository.facts}#appliance.{host}.{variant}")
    return Known(host, variant, drv)


@pytest.mark.parametrize("variant", ["openstack", "proxmox-vma", "repart", "netboot"])
def test_a_host_that_is_only_replaced_says_so(repository: Repository, variant: str) -> None:
    made = appliance(repository, "web", variant)
    assert (made.release.rebuildable, made.release.switchable) == (False, False)
    assert made.facts["warnings"] == []
    assert "nix-daemon" not in made.facts["units"]
    assert "register-nix-paths" not in made.facts["units"] or variant != "repart"


def test_a_host_that_builds_itself_cannot_be_one(repository: Repository) -> None:
    with pytest.raises(CommandError, match="self-specialise builds a configuration"):
        appliance(repository, "base", "openstack")


def test_any_other_host_promises_both(evaluations: Evaluations) -> None:
    made = evaluations.begin("web", "openstack").result().release
    assert (made.rebuildable, made.switchable) == (True, True)


def test_nix_trusts_the_user_beside_root_when_told(repository: Repository) -> None:
    drv = repository.drv(f"{repository.facts}#trusted.web.openstack")
    users = Known("web", "openstack", drv).facts["nix"]["users"]
    assert set(users) == {"root", "nixos"}
