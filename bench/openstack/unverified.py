"""Stands in for `python -m flakeship` where nothing boots: a review passes at once, unseen."""

from __future__ import annotations

import sys
from importlib import import_module

from flakeship import requests
from flakeship.openstack.requests import ReviewRequest
from flakeship.requests import Evidence

if sys.argv[1:] == ["review"]:
    asked = requests.parse(ReviewRequest, sys.stdin.read())
    print(requests.dump(Evidence(asked.machine, 1, ["ssh-ed25519 AAAA"], 0.0, [])))
else:
    import_module("flakeship.real")  # it runs the verb and exits
