"""Publishing an image, compared with curl's upload of the same file to the same Glance."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from dev.bench.table import show
from flakeship.targets.openstack.requests import PublishRequest
from tests.operations import COMMAND, creation
from tests.targets.openstack.e2e.project import CloudStack

SIZES = {"100 MB": 100 * 10**6, "1 GB": 10**9}
ROUNDS = 3
BLOCK = 1 << 20
NAME = "flakeship-bench-upload"


def uploads(stack: CloudStack) -> None:
    """Measure in turn, each time into a new image that is removed at once."""
    rows: list[tuple[object, ...]] = []
    for title, size in SIZES.items():
        file = stack.path / "upload.raw"
        digest = randomly(file, size)
        ours, theirs, most = [], [], 0.0
        for _ in range(ROUNDS):
            theirs.append(curl(stack.cloud, file))
            seconds, peak = publish(stack, file, digest)
            ours.append(seconds)
            most = max(most, peak)
        file.unlink()
        a, b = statistics.median(ours), statistics.median(theirs)
        rows += [
            (f"{title}: curl's PUT alone", b, size / b / 1e6, ""),
            (f"{title}: `publish`, with login, hash and comparison", a, size / a / 1e6, most),
            (f"{title}: its speed as a part of curl's", b / a, "", ""),
        ]
    head = ("what", "seconds", "MB/s", "peak memory MB")
    show(f"uploads of random bytes to Glance, median of {ROUNDS}", head, rows)


def randomly(file: Path, size: int) -> str:
    """Fill a file with bytes that nobody can make smaller; their sha512."""
    digest = hashlib.sha512()
    with file.open("wb") as out:
        while size:
            block = os.urandom(min(BLOCK, size))
            digest.update(block)
            size -= out.write(block)
    return digest.hexdigest()


def publish(stack: CloudStack, file: Path, digest: str) -> tuple[float, float]:
    """The seconds and the peak memory of the whole operation, and of the start of Python."""
    request = PublishRequest(NAME, str(file), digest, 0, {}, "private")
    given = creation("flakeship:openstack:GlanceImage", request)
    seconds, peak, printed = measured(COMMAND, given, stack.path, stack.env)
    remove(stack.cloud, json.loads(printed)["id"])
    return seconds, peak


def curl(cloud: Connection, file: Path) -> float:
    """The seconds of the PUT."""
    image: dict[str, Any] = cloud.image.post(
        "/images",
        json={"name": NAME, "disk_format": "raw", "container_format": "bare", "os_hidden": True},
    ).json()
    # by standard input: everybody can read a command line
    glance = str(cloud.image.get_endpoint()).rstrip("/")
    settings = (
        f'url = "{glance}/images/{image["id"]}/file"\n'
        f'header = "X-Auth-Token: {cloud.auth_token}"\n'
        'header = "Content-Type: application/octet-stream"\n'
    )
    argv = ["curl", "--silent", "--show-error", "--fail", "--upload-file", str(file), "-K", "-"]
    seconds, _, _ = measured(argv, settings, file.parent, os.environ)
    remove(cloud, image["id"])
    return seconds


def remove(cloud: Connection, image: str) -> None:
    """Delete an image, and so its file."""
    cloud.image.delete_image(image)


def measured(
    argv: Sequence[str], stdin: str, directory: Path, env: Mapping[str, str]
) -> tuple[float, float, str]:
    """The seconds of a command, the most memory that it held, in MB, and what it printed."""
    most = [0]
    start = time.perf_counter()
    with subprocess.Popen(
        argv, cwd=directory, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip

        def watch() -> None:
            while child.returncode is None:
                with suppress(OSError, StopIteration):
                    status = Path(f"/proc/{child.pid}/status").read_text().splitlines()
                    high = next(line for line in status if line.startswith("VmHWM"))
                    most.append(int(high.split()[1]))
                time.sleep(0.02)

        watcher = threading.Thread(target=watch)
        watcher.start()
        printed, errors = child.communicate(stdin)
        seconds = time.perf_counter() - start
        watcher.join()
    assert child.returncode == 0, errors
    return seconds, max(most) / 1000, printed
