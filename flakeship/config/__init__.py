"""The settings of a stack."""
