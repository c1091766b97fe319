"""An S3 of a test's own: moto's, which keeps buckets in memory and checks no signature."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import Request, urlopen

from dev.setup import backends
from flakeship.system.tcp import LOOPBACK, free_ports

BUCKET = "states"
CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "flakeship",
    "AWS_SECRET_ACCESS_KEY": "s3cr3t",
    "AWS_REGION": "us-east-1",
    # moto sends no checksums, of which the client would warn each time
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}


@contextmanager
def server() -> Iterator[str]:
    """A server with one bucket, by the URL that PULUMI_BACKEND_URL has."""
    program, (port,) = backends.moto(), free_ports(1)
    assert program
    where = f"http://{LOOPBACK}:{port}"
    argv = [str(program), "-H", LOOPBACK, "-p", str(port)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _make_bucket(f"{where}/{BUCKET}")
            yield f"s3://{BUCKET}?endpoint={where}&s3ForcePathStyle=true&region=us-east-1"
        finally:
            process.terminate()


def _make_bucket(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(Request(url, method="PUT"), timeout=10):
                return
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)
