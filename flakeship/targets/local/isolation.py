"""The check `isolation`: a machine does not reach the workstation's own services, which it tries.

A listener on the workstation's loopback stands for them. Whether something arrived there is what
counts, not what the machine says; but the machine has to prove that its tool can connect at all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from flakeship.model.errors import CommandError
from flakeship.model.ports import SSH
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local.packet_filter import services
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed

NAME = "isolation"
SECONDS = 60.0  # for the script on a slow guest
PROBES = f"""
port=$1 mark=$2
shift 2
if [ "$BASH_VERSION" ]; then
  connect() {{ exec 3<>"/dev/$1/$2/$3" && echo "$4" >&3; }}
elif command -v bash >/dev/null; then
  connect() {{ bash -c 'exec 3<>/dev/$0/$1/$2 && echo "$3" >&3' "$@"; }}
elif command -v nc >/dev/null; then
  connect() {{ [ "$1" = tcp ] && echo "$4" | nc -w 2 "$2" "$3"; }}
else
  echo none
  exit
fi
begin() {{
  connect "$@" >/dev/null 2>&1 &
  begun="$begun $!"
}}
begin tcp {LOOPBACK} {SSH} "$mark"
proof=$!
for address; do
  begin tcp "$address" "$port" "$mark"
  begin udp "$address" "$port" "$mark"
done
# Whether all that is still begun is a TCP connection whose first packet has left the machine: it
# waits for an answer (02), and the addresses are those of devices.
sent() {{
  asked=0 resolved=0
  while read -r _ _ remote state _; do
    case "$remote $state" in *:"$number 02") asked=$((asked + 1)) ;; esac
  done </proc/net/tcp
  while read -r neighbour _ flags _; do
    case " $addresses " in *" $neighbour "*) resolved=$((resolved + (flags != 0))) ;; esac
  done </proc/net/arp
  [ "$asked" -eq "$left" ] && [ "$resolved" -ge $# ]
}}
number=$(printf %04X "$port") addresses=$*
# What is reached answers at once; what is filtered is silent. Nobody waits for that once all is
# sent, for the answer of this script goes over the same device, and in order. A busy guest takes
# longer for each of these steps, too.
tries=0
while [ "$begun" ] && [ "$tries" -lt 20 ]; do
  sleep 0.1
  tries=$((tries + 1)) left=0 running=
  for child in $begun; do
    ! kill -0 "$child" 2>/dev/null || left=$((left + 1)) running="$running $child"
  done
  begun=$running
  ! sent "$@" || break
done
[ -z "$begun" ] || kill $begun
wait "$proof" && echo able
"""


@dataclass(frozen=True)
class Listener:
    """A TCP and a UDP socket on the same port of the loopback address."""

    tcp: socket.socket
    udp: socket.socket

    @property
    def port(self) -> int:
        """The number of the port."""
        port: int = self.tcp.getsockname()[1]
        return port

    def reached(self) -> str:
        """Over which protocol something has arrived; empty: nothing has."""
        with suppress(BlockingIOError):
            self.tcp.accept()[0].close()
            return "TCP"
        with suppress(BlockingIOError):
            self.udp.recv(64)
            return "UDP"
        return ""


@contextmanager
def listener() -> Iterator[Listener]:
    """A listener on a free port, which waits for nothing."""
    with ExitStack() as opened:
        while True:
            tcp = opened.enter_context(socket.create_server((LOOPBACK, 0)))
            udp = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                udp.bind(tcp.getsockname())
            except OSError:  # another process has that port of UDP
                continue
            tcp.setblocking(False)
            udp.setblocking(False)
            yield Listener(tcp, udp)
            return


def isolation(subject: Subject) -> str:
    """The workstation's loopback is out of reach: at the gateway, and at the DNS server."""
    addresses = [*map(str, services(subject.route.subnet))]
    with listener() as listening:
        words = [str(listening.port), NAME, *addresses]
        try:
            tried = subject.shell.run(
                f"sh -s {' '.join(words)}", stdin=PROBES, timeout=SECONDS, check=False
            )
        except CommandError as error:
            raise Failed(f"the machine did not try to reach the workstation: {error}") from error
        if protocol := listening.reached():
            raise Failed(
                f"the machine reaches the workstation's {LOOPBACK} over {protocol}, by "
                f"{' or '.join(addresses)}"
            )
    if "able" not in tried.stdout.split():
        raise Failed("the machine cannot try: it has neither bash nor nc, or no loopback")
    return f"{' and '.join(addresses)} lead to no service of the workstation"
