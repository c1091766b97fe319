"""DSSE: what is signed of a payload, and the envelope that carries payload and signatures.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

IN_TOTO = "application/vnd.in-toto+json"
"""The type of a payload that is an in-toto statement."""


def pre_authentication(payload: str) -> str:
    """The text that is signed: the type of an in-toto payload, and the payload."""
    length = len(payload.encode())
    return f"DSSEv1 {len(IN_TOTO)} {IN_TOTO} {length} {payload}"


def envelope(payload: str, signatures: Mapping[str, str]) -> str:
    """The envelope of an in-toto payload as JSON, with its signatures by the id of the key."""
    return json.dumps(
        {
            "payload": _base64(payload),
            "payloadType": IN_TOTO,
            "signatures": [
                {"keyid": key, "sig": _base64(made)} for key, made in signatures.items()
            ],
        }
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
