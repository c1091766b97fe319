"""The appliance's copy of a script that NixOS hosts have too."""

from __future__ import annotations

from tests.project import ROOT


def test_the_command_is_that_of_nixos_hosts() -> None:
    """A copy, for a flake's source is its own folder alone."""
    own = (ROOT / "nix/appliance/guest/bin/flakeship-address.sh").read_text()
    assert own == (ROOT / "nix/modules/service-address.sh").read_text()
