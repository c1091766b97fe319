"""Units of size."""

MIB = 1024**2  # bytes
LARGEST_DISK = 64 * 1024**2  # MiB: 64 TiB
