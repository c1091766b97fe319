"""Sends recorded requests to a lab, and compares the answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.proxmox.server import Server
from tests.dev.proxmox.client import Answer, Client
from tests.dev.proxmox.comparison import differences, masked
from tests.dev.proxmox.no_guests import NoGuests

RECORDED = Path(__file__).parent / "recorded"
OF_TASKS = re.compile(r"/nodes/\w+/tasks/(UPID:[^/]+)/status")
LISTS = ("/cluster/resources", "/pools")
VARYING = re.compile(
    r"transferred |Formatting |for my \(|\S+: successfully created disk "
    r"|--\d|Connecting to|HTTP request|Length:|Saving to|\s+\d*[05]0*K|\d{4}-|\s*$"
)
"""Lines of a log that are wget's, Perl's, or a progress of its own pace."""


@dataclass
class Count:
    """What a replay compared, what it did not, and where the answers differ."""

    compared: int = 0
    uncovered: dict[str, int] = field(default_factory=dict)
    differ: list[str] = field(default_factory=list)

    def skip(self, why: str) -> None:
        self.uncovered[why] = self.uncovered.get(why, 0) + 1


def entries(name: str) -> list[dict[str, Any]]:
    """The lines of a recorded file."""
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]


def _seen(body: Any) -> Iterator[int]:
    """The VMs that pvestatd had seen when an answer was recorded."""
    for entry in body["data"] or []:
        for each in [entry, *entry.get("members", [])]:
            if "vmid" in each and each["status"] != "unknown":
                yield each["vmid"]


@dataclass
class Replay:
    """One lab that recorded requests are sent to; `images` are the files of uploads."""

    server: Server
    guests: NoGuests
    images: Mapping[str, Path]
    known: Mapping[str, str]
    """The differences that are known, as patterns, with the reason."""
    count: Count = field(default_factory=Count)
    _upids: dict[str, str] = field(default_factory=dict)
    _clients: dict[tuple[str, bool], Client] = field(default_factory=dict)

    def run(self, name: str, until: str = "") -> None:
        """Send the requests of a file, up to a mark."""
        for number, entry in enumerate(entries(name)):
            if entry.get("mark"):
                if entry["mark"] == until:
                    return
            elif "task" in entry:
                self._task(f"{name}:{number}", entry)
            else:
                self._call(f"{name}:{number}", entry)

    def _call(self, place: str, entry: dict[str, Any]) -> None:
        path = entry["path"]
        found = OF_TASKS.fullmatch(path)
        if found and (upid := self._upids.get(found[1])):
            path = path.replace(found[1], upid)
            self._client(entry).wait(upid)
        if entry["path"].startswith(LISTS) and (seen := set(_seen(entry["body"]))):
            self.server.lab.refresh(seen)
        if "/agent/" in path:
            self.guests.answers = "agent" not in entry["reason"]
        fields = [(key, self._ours(value)) for key, value in entry["fields"]]
        file = entry.get("file")
        upload = (file["name"], self.images[file["content"]]) if file else None
        answer = self._client(entry).send(entry["method"], path, fields, upload)
        if answer.status == 501 != entry["status"]:
            self.count.skip(f"{entry['method']} {entry['path']}, which the lab does not serve")
            return
        if isinstance(entry["body"], dict) and str(entry["body"].get("data")).startswith("UPID"):
            self._upids[entry["body"]["data"]] = str((answer.body or {}).get("data"))
        self._compare(place, f"{entry['method']} {entry['path']}", entry, answer)

    def _compare(self, place: str, request: str, entry: dict[str, Any], answer: Answer) -> None:
        found = [
            f"{part}: {theirs!r} is recorded, {ours!r} is ours"
            for part, theirs, ours in (
                ("status", entry["status"], answer.status),
                ("reason", entry["reason"], answer.reason),
            )
            if theirs != ours
        ]
        if entry.get("unreadable"):
            self.count.skip("an answer that was recorded compressed: its body")
        else:
            found += differences(entry["body"], answer.body, stale=entry["path"].startswith(LISTS))
        self._note(place, request, found)

    def _task(self, place: str, entry: dict[str, Any]) -> None:
        client = self._client({"who": "root@pam!lab", "status": 200, "reason": "OK"})
        if (upid := self._upids.get(entry["task"])) is None:
            self.count.skip("a task of a method that the lab does not serve")
            return
        status = client.wait(upid)
        found = list(differences(entry["status"], status, stale=False))
        log = client.get(f"/nodes/pve/tasks/{upid}/log", limit="1000")
        theirs, ours = (
            [self._place(line) for line in lines if not VARYING.match(line)]
            for lines in (entry["log"], [line["t"] for line in log])
        )
        if entry.get("log_is_cut"):
            self.count.skip("the end of a task's log, after its first 50 lines")
            ours = ours[: len(theirs)]
        if theirs != ours:
            found.append(f"log: {theirs} is recorded, {ours} is ours")
        self._note(place, f"task {entry['status']['type']}", found)

    def _note(self, place: str, request: str, found: list[str]) -> None:
        self.count.compared += 1
        for each in found:
            why = [
                text
                for pattern, text in self.known.items()
                if re.search(pattern, f"{place} {request} {each}")
            ]
            if why:
                self.count.skip(why[0])
            else:
                self.count.differ.append(f"{place} {request} {each}")

    def _client(self, entry: Mapping[str, Any]) -> Client:
        """The client of a token; that of a wrong one, where it was refused."""
        who, wrong = entry["who"], entry["status"] == 401
        if (who, wrong) not in self._clients:
            token = f"{who}=wrong" if wrong and who else who and self.server.lab.access.token(who)
            self._clients[who, wrong] = Client(self.server, token)
        return self._clients[who, wrong]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _ours(self, value: str) -> str:
        """A recorded field's value as this lab needs it: its images have other sums."""
        agent = hashlib.sha256(self.images["agent"].read_bytes()).hexdigest()
        return re.sub(r"\b(?!0{64})[0-9a-f]{64}\b", agent, value)

    def _place(self, line: str) -> str:
        """A line of a log without the folders of a storage."""
        folder = str(self.server.lab.site.folder)
        line = line.replace(f"{folder}/storage/pve/noimport", "/var/lib/vz2")
        return masked(line.replace(f"{folder}/storage/pve/local", "/var/lib/vz"))
