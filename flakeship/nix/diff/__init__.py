"""What changes inside a host between two releases, from their derivations alone."""
