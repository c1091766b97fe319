"""QEMU on the workstation: images are booted straight from the Nix store."""
