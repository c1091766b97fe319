"""Units of size."""

MIB = 1024**2  # bytes
