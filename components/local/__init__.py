"""The target local: QEMU on this workstation."""
