"""An emulator of the Proxmox VE API, with real disks and real guests, for tests."""
