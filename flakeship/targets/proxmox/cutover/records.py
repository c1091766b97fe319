"""A name in DNS that leads to a server's active machine, by updates of its zone (RFC 2136).

A text record `_flakeship.<name>` says whose the name is. It is a prerequisite of every update, so
that the name server itself refuses to change what somebody else has made.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import one_line
from flakeship.targets.proxmox.cutover.key_file import secret
from flakeship.targets.proxmox.requests import DnsRecord

SECONDS = 10.0  # for an answer
MARK = "_flakeship"
FOREIGN = {
    dns.rcode.NXRRSET: "its mark has changed meanwhile",
    dns.rcode.YXRRSET: "somebody else has made it",
    dns.rcode.YXDOMAIN: "somebody else has made it",
    dns.rcode.NXDOMAIN: "its mark is gone",
}
KINDS = ("A", "AAAA")


def point(record: DnsRecord, owner: str, address: str) -> None:
    """Let a name lead to an address and nowhere else, and read it back.

    Raises FlakeshipError: `dns-record-foreign` for one that another owner or a person has made,
    `dns-update-refused`, `dns-unreachable`, those of the key's file, and `dns-not-updated`.
    """
    name, mark = dns.name.from_text(record.name), _mark(record)
    update = _update(record)
    found = _texts(record, str(mark), "TXT")
    if found == [owner]:
        update.present(mark, "TXT", _quoted(owner))
        for kind in KINDS:
            update.delete(name, kind)
    elif found:
        raise _foreign(record, f"it belongs to {one_line(' / '.join(found))}")
    else:
        for kind in (*KINDS, "CNAME"):
            update.absent(name, kind)
        update.absent(mark, "TXT")
        update.add(mark, record.ttl, "TXT", _quoted(owner))
    update.add(name, record.ttl, _kind(address), address)
    _send(record, update)
    check(
        record, address, "run `pulumi up` again; if it is as before, something else writes it too"
    )


def withdraw(record: DnsRecord, owner: str) -> bool:
    """Remove a name that is the owner's; False where it is not, or not any more."""
    name, mark = dns.name.from_text(record.name), _mark(record)
    if _texts(record, str(mark), "TXT") != [owner]:
        return False
    update = _update(record)
    update.present(mark, "TXT", _quoted(owner))
    for kind in KINDS:
        update.delete(name, kind)
    update.delete(mark, "TXT")
    _send(record, update)
    return True


def check(record: DnsRecord, address: str, remedy: str) -> str:
    """The name leads to this address alone, says its name server. Raises FlakeshipError."""
    found = [each for kind in KINDS for each in _texts(record, record.name, kind)]
    if found != [address]:
        raise FlakeshipError(
            f"{record.server} says {', '.join(found) or 'nothing'}, and it is to lead to {address}",
            code="dns-not-updated",
            key=record.name,
            remedy=remedy,
        )
    return f"{record.name}: {address}"


def _mark(record: DnsRecord) -> dns.name.Name:
    return dns.name.from_text(f"{MARK}.{record.name}")


def _kind(address: str) -> str:
    return "AAAA" if ipaddress.ip_address(address).version == 6 else "A"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _update(record: DnsRecord) -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(dns.name.from_text(record.zone))


def _texts(record: DnsRecord, name: str, kind: str) -> list[str]:
    """The records of a name of one kind, as texts, sorted."""
    answer = _send(record, dns.message.make_query(name, kind))
    asked = (dns.name.from_text(name), dns.rdatatype.from_text(kind))
    sets = (found for found in answer.answer if (found.name, found.rdtype) == asked)
    return sorted(_text(each) for found in sets for each in found)


def _text(data: Any) -> str:  # noqa: ANN401 - of a class that is made for each type of record
    if data.rdtype == dns.rdatatype.TXT:
        return b"".join(data.strings).decode(errors="replace")
    return str(data.to_text())


def _send(record: DnsRecord, message: dns.message.Message) -> dns.message.Message:
    key, what = dns.name.from_text(record.key), f"the name server {record.server}"
    message.use_tsig(dns.tsig.Key(key, secret(record.key_file), record.algorithm))
    try:
        where = socket.getaddrinfo(record.server, record.port, type=socket.SOCK_STREAM)[0][4][0]
        answer = dns.query.tcp(message, str(where), SECONDS, record.port)
    except dns.tsig.PeerError as error:
        raise _refused(record, f"it does not accept the key {record.key}: {error}") from error
    except (OSError, EOFError, dns.exception.DNSException) as error:
        raise FlakeshipError(
            f"{what} did not answer as it should: {one_line(str(error)) or type(error).__name__}",
            code="dns-unreachable",
            key=record.name,
            remedy="check flakeship:proxmox.dnsUpdates, the network, and that both clocks agree",
        ) from error
    code = answer.rcode()
    if code in FOREIGN and isinstance(message, dns.update.UpdateMessage):
        raise _foreign(record, FOREIGN[code])
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise _refused(record, f"it answers {dns.rcode.to_text(code)}")
    return answer


def _foreign(record: DnsRecord, why: str) -> FlakeshipError:
    return FlakeshipError(
        f"it is not changed, for it is not this server's: {why}",
        code="dns-record-foreign",
        key=record.name,
        remedy=f"choose another dnsName, or remove its records and {MARK}.{record.name} by hand",
    )


def _refused(record: DnsRecord, why: str) -> FlakeshipError:
    return FlakeshipError(
        f"the name server {record.server} refuses: {why}",
        code="dns-update-refused",
        key=record.name,
        remedy="check flakeship:proxmox.dnsUpdates, and let the key change this name and its mark: "
        f"in BIND's update-policy, `grant {record.key} subdomain {record.name}. A AAAA TXT;`",
    )
