"""Which flavor a server gets."""
