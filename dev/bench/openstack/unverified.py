"""Replaces `python -m flakeship` where nothing boots: verifications pass at once."""

from __future__ import annotations

import sys
from importlib import import_module

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.requests import VerifyServerRequest

if sys.argv[1:] == ["internal", "openstack.verify-server"]:
    request = codec.parse(VerifyServerRequest, sys.stdin.read())
    print(codec.dump(Evidence(request.machine, 1, ["ssh-ed25519 AAAA"], 0.0, [])))
else:
    sys.exit(import_module("flakeship.real").main())
