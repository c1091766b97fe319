"""A PostgreSQL of a test's own: Debian's, in a temporary directory, on a port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.setup import backends
from flakeship.system.process import Result, run
from flakeship.system.tcp import LOOPBACK, free_ports

USER, DATABASE = "flakeship", "state"
ACCOUNT = "postgres"
"""Of Debian's package: the server does not start as root."""


@dataclass(frozen=True)
class Server:
    """A server with one database, which answers only those who give the password."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """As PULUMI_BACKEND_URL has it: Pulumi shows it, so the password is in a file."""
        return f"postgres://{USER}@{LOOPBACK}:{self.port}/{DATABASE}?sslmode=disable"

    @property
    def env(self) -> Mapping[str, str]:
        """What selects it as Pulumi's backend."""
        return {"PULUMI_BACKEND_URL": self.url, "PGPASSFILE": str(self.folder / "pgpass")}

    def run(self, program: str, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Run one of PostgreSQL's programs, as an account without privileges."""
        where = backends.postgres()
        assert where
        become = ["runuser", "-u", ACCOUNT, "--"] if os.geteuid() == 0 else []
        whole = os.environ | (env or {})
        return run([*become, str(where / program), *words], cwd=self.folder, env=whole, timeout=60)

    def start(self) -> None:
        """Start it, again where it was killed: it has what was committed."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
        }
        words = " ".join(f"-c {key}={value}" for key, value in settings.items())
        log = f"--log={self.folder}/log"
        self.run(
            "pg_ctl", "start", "--wait", f"--pgdata={self.folder}/db", log, f"--options={words}"
        )

    def kill(self) -> None:
        """End it at once, as a machine that loses its power does."""
        self.run("pg_ctl", "stop", "--mode=immediate", "--wait", f"--pgdata={self.folder}/db")

    def sql(self, text: str) -> str:
        """What a query answers."""
        where = ["--host", LOOPBACK, "--port", str(self.port), "--username", USER, DATABASE]
        words = ["--no-psqlrc", "--tuples-only", "--no-align", f"--command={text}"]
        return self.run("psql", *words, *where, env={"PGPASSWORD": self.password}).stdout


@contextmanager
def server(password: str) -> Iterator[Server]:
    """A server that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="flakeship-postgres-"))  # pytest's own is for root alone
    found = Server(folder, free_ports(1)[0], password)
    try:
        (folder / "password").write_text(password)
        (folder / "pgpass").write_text(f"*:*:*:{USER}:{password}\n")
        (folder / "pgpass").chmod(0o600)
        if os.geteuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            for path in (folder, folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        found.run(
            "initdb",
            *(f"--pgdata={folder}/db", f"--username={USER}", f"--pwfile={folder}/password"),
            *("--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"),
        )
        found.start()
        where = [f"--host={LOOPBACK}", f"--port={found.port}", f"--username={USER}"]
        found.run("createdb", *where, DATABASE, env={"PGPASSWORD": password})
        yield found
        found.kill()
    finally:
        shutil.rmtree(folder)
