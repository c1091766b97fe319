"""From a Nix flake to verified, running servers. Only its provider knows of Pulumi's protocol."""

__version__ = "0.2.0"
