"""A name server for tests: BIND, with a zone that takes updates (RFC 2136)."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.tsig
import dns.update
import pytest

from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import start
from flakeship.targets.proxmox.requests import DnsRecord

NAMED = shutil.which("named") or shutil.which("named", path="/usr/sbin")
real = pytest.mark.skipif(NAMED is None, reason="there is no `named` (Debian: bind9)")

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
MARK = "_flakeship.web.example.org"
CONFIG = """
key "flakeship." {{ algorithm hmac-sha256; secret "{secret}"; }};
key "others." {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{
  directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no;
}};
controls {{ }};
zone "example.org" {{
  type primary; file "{folder}/zone";
  update-policy {{
    grant flakeship. subdomain web.example.org. A AAAA TXT;
    grant others. zonesub ANY;
  }};
}};
"""
ZONE = """$ORIGIN example.org.
@ 300 IN SOA ns.example.org. admin.example.org. 1 3600 600 86400 60
@ 300 IN NS ns.example.org.
ns 300 IN A 127.0.0.1
"""


@dataclass(frozen=True)
class Zone:
    """The zone, and the record that a server may have in it."""

    record: DnsRecord

    def find(self, name: str, kind: str) -> list[str]:
        """The texts of records, as anybody gets them."""
        answer = dns.query.tcp(
            dns.message.make_query(name, kind), "127.0.0.1", 10, self.record.port
        )
        return sorted(each.to_text() for found in answer.answer for each in found)

    @property
    def everything(self) -> list[list[str]]:
        """Both kinds of addresses of the name, and its mark."""
        return [self.find("web.example.org", kind) for kind in ("A", "AAAA")] + [
            self.find(MARK, "TXT")
        ]

    def change(self, *changes: tuple[str | int, ...]) -> None:
        """What somebody else does: (delete|add, name, ...)."""
        update = dns.update.UpdateMessage("example.org")
        for what, *words in changes:
            getattr(update, str(what))(*words)
        update.use_tsig(dns.tsig.Key("others.", SECRET, "hmac-sha256"))
        assert dns.query.tcp(update, "127.0.0.1", 10, self.record.port).rcode() == 0


@contextmanager
def serving(folder: Path) -> Iterator[Zone]:
    folder.chmod(0o700)
    (port,) = tcp.free_ports(1)
    (folder / "zone").write_text(ZONE)
    (folder / "named.conf").write_text(CONFIG.format(secret=SECRET, folder=folder, port=port))
    zone = Zone(record(folder, port))
    with start([str(NAMED), "-g", "-c", str(folder / "named.conf")], pipes=False) as process:
        for _ in backoff(30):
            assert process.poll() is None
            try:
                if zone.find("ns.example.org", "A"):
                    break
            except (OSError, dns.exception.DNSException):
                continue
        yield zone


def record(folder: Path, port: int) -> DnsRecord:
    file = folder / "key"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    name, zone, key = "web.example.org", "example.org", "flakeship"
    return DnsRecord(name, "127.0.0.1", port, zone, key, "hmac-sha256", str(file), 60)
