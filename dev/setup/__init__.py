"""The set-up: finds or installs every tool, and reports its choice and the reason."""
