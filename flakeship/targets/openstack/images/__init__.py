"""Images in Glance."""
