"""HTTP/1.1 for checks: one request, and its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flakeship.system.tcp import Reply, bracketed
from flakeship.verify.checks.verdict import Failed

STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: [^\r\n]*)?\r?$")
HEAD = re.compile(rb"\r?\n\r?\n")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
BODILESS = {204, 304}


@dataclass(frozen=True)
class Answer:
    """An answer: its first line, its status, its headers with lower-case names, and its body."""

    line: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool  # the body is not cut


def request(path: str, host: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A GET whose answer ends with the connection; `host` is a name or an address."""
    site = bracketed(host) if host.count(":") > 1 and not host.startswith("[") else host
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {site}",
        "Connection: close",
        "User-Agent: flakeship",
        "Accept: */*",
        "Accept-Encoding: identity",
    ]
    own = {name.lower() for name in headers or {}}
    kept = [line for line in lines if line.partition(":")[0].lower() not in own]
    kept += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*kept, "", ""]).encode()


def complete(data: bytes) -> bool:
    """Whether an answer is there to its end, as far as it tells its length."""
    answer = _answer(data, closed=False)
    return answer is not None and answer.whole


def answer_of(reply: Reply) -> Answer:
    """The answer in what was read. Raises Failed for what is no HTTP, and for one that is cut."""
    if not reply.data:
        raise Failed("no answer")
    found = _answer(reply.data, closed=reply.closed)
    if found is None:
        raise Failed(f"no HTTP: {reply.first_line[:60]!r}")
    return found


def _answer(data: bytes, *, closed: bool) -> Answer | None:
    """The answer after those that are only interim (1xx); None where none has begun."""
    while True:
        head = HEAD.search(data)
        lines = data[: head.start() if head else len(data)].split(b"\n")
        status = STATUS.match(lines[0])
        if not status or not (head or closed):
            return None
        number, rest = int(status[1]), data[head.end() :] if head else b""
        if number >= 200 or number == 101:
            break
        data = rest
    pairs = [line.decode("latin-1").partition(":") for line in lines[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body, whole = _body(rest, number, headers, closed=closed)
    line = lines[0].decode(errors="replace").strip()
    return Answer(line, number, headers, body, whole)


def _body(
    data: bytes, status: int, headers: Mapping[str, str], *, closed: bool
) -> tuple[bytes, bool]:
    """The body, and whether it is there to its end."""
    if status in BODILESS or status < 200:
        return b"", True
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunks(data)
    length = headers.get("content-length", "")
    if re.fullmatch(r"[0-9]{1,15}", length):
        return data[: int(length)], len(data) >= int(length)
    return data, closed


def _chunks(data: bytes) -> tuple[bytes, bool]:
    parts, place = list[bytes](), 0
    while size := CHUNK.match(data, place):
        length = int(size[1], 16)
        if length == 0:
            return b"".join(parts), True
        parts.append(data[size.end() : size.end() + length])
        place = size.end() + length
        place += len(re.match(rb"\r?\n|", data[place : place + 2])[0])  # type: ignore[index]
    return b"".join(parts), False
