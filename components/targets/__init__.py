"""A folder for each target: where images and servers live."""
