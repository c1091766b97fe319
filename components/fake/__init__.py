"""The target fake: every resource is an internal command that changes one JSON file."""
