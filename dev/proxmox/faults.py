"""Faults that a test switches on: faults.json, which is read again at each use.

    {"requests": [{"match": "POST /nodes/pve/qemu*", "status": 500, "message": "…", "times": 1}],
     "tasks": {"qmclone": {"seconds": 5, "error": "…", "warning": "…", "times": 1}},
     "offline": ["pve2"], "full": ["local"], "upload_bytes": 1000000, "silent_agents": [101],
     "hidden_seconds": 10}

`times` is how often it happens, else always. A VM is missing in `cluster/resources` for its first
`hidden_seconds`; in a `full` storage nothing more is written; an upload breaks off after
`upload_bytes`. A VM is locked by an option `lock` in its file below nodes/.
"""

from __future__ import annotations

import fnmatch
import threading
from typing import Any

from dev.proxmox.errors import PveError
from dev.proxmox.site import Site

FILE = "faults.json"


class Faults:
    """The faults of a lab."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()

    def get(self, name: str, missing: Any) -> Any:  # noqa: ANN401
        """The value of a switch."""
        return self._site.read(FILE, {}).get(name, missing)

    def request(self, request: str) -> None:
        """Refuse a request, `GET /nodes`, that is to be refused. Raises PveError."""
        for at, fault in enumerate(self.get("requests", [])):
            if fnmatch.fnmatchcase(request, fault["match"]) and self._happens("requests", at):
                raise PveError(fault["message"], fault.get("status", 500))

    def task(self, kind: str) -> dict[str, Any]:
        """What happens to a task of a kind."""
        fault: dict[str, Any] = self.get("tasks", {}).get(kind, {})
        return fault if fault and self._happens("tasks", kind) else {}

    def refuse_full(self, storage: str) -> None:
        """Refuse to write to a storage that is full. Raises PveError."""
        if storage in self.get("full", []):
            raise PveError(f"storage '{storage}': No space left on device")

    def _happens(self, group: str, key: int | str) -> bool:
        with self._lock:
            content = self._site.read(FILE, {})
            fault = content[group][key]
            if "times" not in fault:
                return True
            fault["times"] -= 1
            self._site.write(FILE, content)
            return bool(fault["times"] >= 0)
