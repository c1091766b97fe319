"""From a Nix flake to verified, running servers. Nothing in this package imports Pulumi."""

__version__ = "0.2.0"
