"""QEMU on this machine: the image is booted straight from the Nix store."""
