"""The target `local`: every server is a QEMU process on this machine."""
