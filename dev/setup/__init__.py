"""The set-up: finds or gets every tool, and says which way it took and why."""
