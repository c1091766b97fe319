"""What changes inside a host between two releases, read from their derivations alone."""
