"""Mounts data disks inside a machine, over SSH: by serial number, at /data/<name>."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint, as_root
from flakeship.system.process import Shell

LOGIN_SECONDS = 60.0
SECONDS = 120.0  # for one script: a database may stop slowly, and a journal be replayed

MOUNT = r"""
set -eu
name=$1 directory=/data/$1 owner=$2 mode=$3 device= tries=0
locate() {
  for disk in /sys/block/vd*; do
    [ "$(cat "$disk/serial" 2>/dev/null)" = "$name" ] || continue
    device=/dev/${disk##*/}
    [ -b "$device" ] && return
  done
  return 1
}
until locate; do
  tries=$((tries + 1))
  [ "$tries" -lt 150 ] || { echo "no disk with the serial number $name appeared" >&2; exit 1; }
  sleep 0.1
done
kind() { blkid -o value -s TYPE "$device" || true; }
blank() { [ -z "$(kind)" ] && [ "$(head -c 1048576 "$device" | tr -d '\000' | wc -c)" -eq 0 ]; }
if ! mountpoint -q "$directory"; then
  mkdir -p "$directory"
  if blank; then
    fresh=/run/flakeship-$name
    mkdir -p "$fresh"
    chown "$owner" "$fresh"  # refuses an unknown owner before anything is written
    mkfs.ext4 -q -L "$name" "$device"
    # Empty before anything starts with the mount: initdb refuses lost+found, which fsck makes
    # again where it needs it.
    mount "$device" "$fresh"
    rmdir "$fresh/lost+found"
    chown "$owner" "$fresh"
    chmod "$mode" "$fresh"
    umount "$fresh"
    rmdir "$fresh"
  fi
  unit=
  if [ -d /run/systemd/system ]; then
    unit=$(systemd-escape --path --suffix=mount "$directory")
    systemctl cat "$unit" >/dev/null 2>&1 || unit=
  fi
  # Where the configuration declares the mount, the units that need it start with it.
  if [ "$unit" ]; then
    systemctl start "$unit"
  else
    # udev may have mounted it meanwhile
    mount "$device" "$directory" || mountpoint -q "$directory"
  fi
fi
if [ "$(kind)" = ext4 ]; then resize2fs "$device" >/dev/null; fi
"""

UNMOUNT = r"""
set -eu
directory=/data/$1
mountpoint -q "$directory" || exit 0
sync
# Stops the units that need the mount (RequiresMountsFor) first.
if [ -d /run/systemd/system ]; then
  systemctl stop "$(systemd-escape --path --suffix=mount "$directory")" || true
fi
if mountpoint -q "$directory" && ! umount "$directory"; then
  for process in /proc/[0-9]*; do
    ls -l "$process/cwd" "$process/root" "$process/exe" "$process/fd" 2>/dev/null |
      grep -qE -- "-> $directory(/|\$)" || continue
    echo "in use by $(cat "$process/comm") (pid ${process##*/})" >&2
  done
  exit 1
fi
"""


@contextmanager
def login(endpoint: Endpoint, keys: Sequence[str]) -> Iterator[Shell]:
    """Log in to a guest with its pinned host keys."""
    with Connection(endpoint, keys) as connection:
        connection.connect(LOGIN_SECONDS)
        yield connection


def mount(shell: Shell, name: str, owner: str, mode: str) -> None:
    """Wait for a disk, format it when it is blank, mount it, and grow its file system to its size.

    A new file system is an empty directory of `owner` with `mode`. A mounted disk is left as it is.
    Raises FlakeshipError (`data-disk-failed`).
    """
    _run(shell, MOUNT, name, "mounted", owner, mode)


def unmount(shell: Shell, name: str) -> None:
    """Unmount a disk. Raises FlakeshipError (`data-disk-failed`) with the processes that use it."""
    _run(shell, UNMOUNT, name, "unmounted")


def _run(shell: Shell, script: str, name: str, done: str, *words: str) -> None:
    try:
        shell.run(as_root(" ".join(["sh -s", name, *words])), stdin=script, timeout=SECONDS)
    except CommandError as error:
        output = "; ".join(error.stderr.strip().splitlines()) or str(error)
        raise FlakeshipError(
            f"it could not be {done} at /data/{name}: {output}",
            code="data-disk-failed",
            key=f"data disk {name}",
        ) from error
