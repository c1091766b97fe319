"""What ends with this process, however it ends: the commands that it runs, and its temporary files.

A pipe that closes is the one thing that SIGKILL leaves behind. A shell in a session of its own
waits for that, and then ends the process groups and removes the directories that it was told of.
The kernel's death signal would be no help: it goes by the thread that started the child, and it is
lost where the child makes another one.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress

# lines `+ <process group>`, `- <process group>`, `d <directory>`
SCRIPT = r"""
trap '' HUP INT QUIT TERM
groups=' ' directories=
while read -r sign what; do
  case $sign in
    +) groups="$groups$what " ;;
    -) groups="${groups%% "$what" *} ${groups#* "$what" }" ;;
    d) directories="$directories $what" ;;
  esac
done
for group in $groups; do kill -TERM "-$group"; done
if [ "$groups" != ' ' ]; then
  sleep 1
  for group in $groups; do kill -KILL "-$group"; done
fi
for directory in $directories; do rm -rf -- "$directory"; done
"""


class Keeper:
    """The shell, which is started with the first thing that it is told of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self, group: int) -> None:
        """A process group that ends with this process, unless it is released before."""
        self._tell(f"+ {group}\n")

    def release(self, group: int) -> None:
        """A process group that has ended: its number may be another's."""
        self._tell(f"- {group}\n")

    def directory(self, path: str) -> None:
        """A directory, relative to the working directory and without blanks, that is ours alone."""
        self._tell(f"d {path}\n")

    def _tell(self, text: str) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", SCRIPT],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    bufsize=0,
                )
            assert self._process.stdin
            with suppress(OSError):  # somebody has ended it: then what is left waits for a sweep
                self._process.stdin.write(text.encode())


KEEPER = Keeper()
"""There is one for each process."""
