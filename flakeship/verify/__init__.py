"""The verification of a machine."""
