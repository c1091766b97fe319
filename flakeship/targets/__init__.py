"""Where images and servers live: one folder for each target."""
