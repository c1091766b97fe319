"""How servers get a new release, and what belongs to that on every target: no target in it."""
