"""A real OpenStack on this machine, from package registries alone; see README.md."""
