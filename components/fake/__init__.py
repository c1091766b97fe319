"""The target fake: every resource is an entry of one JSON file."""
