"""Verification: from a machine that is starting to evidence that it is what was released."""

from __future__ import annotations

import logging
import shlex
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.ports import SSH, Port
from flakeship.ssh import connection as ssh
from flakeship.ssh import host_keys
from flakeship.verify import announced_keys
from flakeship.verify.checks import custom, facts, inside, outside
from flakeship.verify.checks.verdict import Failed, judge
from flakeship.verify.console import Console
from flakeship.verify.context import VerificationContext
from flakeship.verify.failure_report import failure_report, key_mismatch
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route, endpoint, login_lines

log = logging.getLogger(__name__)

BUILD = 300.0
"""Seconds for the trivial derivation."""

NEW_KEYS = 20.0
"""Seconds for a console to announce the keys of a server that shows others than announced."""

AT_ONCE = 4
"""Checks at the same time: sshd takes ten sessions on a connection, slow guests fewer."""

DERIVATION = """derivation {{
  name = "flakeship-{unique}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo {unique} > $out" ];
}}"""


def pinned_keys(previous: str, machine: str) -> list[str]:
    """The host keys that an earlier verification of this machine has pinned.

    `previous` is what it printed (PULUMI_COMMAND_STDOUT), empty for the first one. Text that is
    no evidence is refused: taken for nothing it would let a new key in.
    """
    if not previous.strip():
        return []
    try:
        evidence = parse(Evidence, previous)
    except ValidationError as error:
        raise FlakeshipError(
            f"{machine}: the evidence of the last verification cannot be read, and with it the "
            "pinned host keys: look at this verification in `pulumi stack export`"
        ) from error
    return evidence.host_keys if evidence.machine == machine else []


def verify(request: VerifyRequest, pinned: Sequence[str], context: VerificationContext) -> Evidence:
    """Wait for the machine, run every check, and return the evidence when all have passed.

    `pinned` are the host keys of an earlier verification of this machine: any other key is
    refused. Raises FlakeshipError with the failed checks, the console's end and the next step.
    """
    with context.access.open() as route:
        return _verify(request, pinned, context, route)


def _verify(
    request: VerifyRequest, pinned: Sequence[str], context: VerificationContext, route: Route
) -> Evidence:
    started = time.monotonic()
    machine, keys = request.machine, list(pinned)

    def report(headline: list[str]) -> FlakeshipError:
        lines = login_lines(request, route, keys)
        return FlakeshipError(failure_report(context, lines, headline))

    try:
        log.info("%s: waiting for its host keys on the console", machine)
        with _connected(request, context.console, route, keys) as connection:
            keys = connection.keys
            seconds = round(time.monotonic() - started, 2)
            log.info("%s: SSH answers after %.1f s; running the checks", machine, seconds)
            checks = _checks(request, context, route, list(pinned), connection)
    except FlakeshipError as error:
        said = str(error).removeprefix(f"{machine}: ")
        raise report([f"{machine}: {said}"]) from error
    failed = [check for check in checks if not check.passed]
    if failed:
        lines = [f"{machine}: {len(failed)} of {len(checks)} checks failed"]
        lines += [f"  ✗ {check.name}: {check.detail}" for check in failed]
        raise report(lines)
    announced = announced_keys.announced(context.console)
    if not (host_keys.same(announced, keys) or (context.console.truncated and not announced)):
        raise report([key_mismatch(machine, keys, announced)])
    at = datetime.now().astimezone().isoformat(" ", "seconds")
    return Evidence(machine, request.boot, keys, seconds, checks, at)


@contextmanager
def _connected(
    request: VerifyRequest, console: Console, route: Route, pinned: list[str]
) -> Iterator[ssh.Connection]:
    """A login on a server whose host key the console has announced.

    A truncated console need not announce again what is pinned.
    """
    machine, end = request.machine, time.monotonic() + request.deadline
    known = announced_keys.announced(console) or pinned if console.truncated else []
    keys = known or announced_keys.wait(console, request.deadline)
    while True:
        if pinned and not host_keys.same(keys, pinned):
            raise FlakeshipError(key_mismatch(machine, pinned, keys))
        with ssh.Connection(endpoint(request, route), keys) as connection:
            try:
                connection.connect(end - time.monotonic())
            except ssh.HostKeyRefusedError as error:
                if pinned:
                    raise FlakeshipError(key_mismatch(machine, pinned, [], str(error))) from error
                refused = error
            else:
                yield connection
                return
        # the server is up, but the console may still tell of an earlier boot
        try:
            keys = announced_keys.wait(console, NEW_KEYS, other_than=keys)
        except FlakeshipError:
            raise FlakeshipError(
                f"{machine}: 1 check failed\n  ✗ host-key: {refused}: "
                "it is not the key that the console announced"
            ) from refused


def _checks(
    request: VerifyRequest,
    context: VerificationContext,
    route: Route,
    pinned: list[str],
    connection: ssh.Connection,
) -> list[CheckResult]:
    """All the evidence, in its stable order."""
    forgotten = context.console.truncated and not announced_keys.announced(context.console)
    asked = [port for port in request.ports if not port.needs_data and port.protocol != "udp"]
    ports = {SSH: Port(port=SSH, protocol="ssh"), **{port.port: port for port in asked}}
    with _side_by_side(AT_ONCE + len(context.beside)) as pool:
        root = pool.submit(judge, "root-login", partial(outside.root_login, connection))
        looked = pool.submit(_look_inside, connection)
        extra = [
            pool.submit(judge, name, partial(check, connection, looked, route))
            for name, check in context.beside.items()
        ]
        known = looked.result()
        answers = [
            pool.submit(judge, f"port-{port.port}", partial(outside.port, route, port))
            for _, port in sorted(ports.items())
        ]
        own = [
            pool.submit(judge, c.name, partial(custom.check, c, route, connection))
            for c in request.checks
        ]
        wait_for(answers)
        if inside.unheard(known, request):
            known = inside.listened(known, request, connection, outside.PATIENCE)
        checks = [
            judge("host-key", partial(outside.host_key, connection, pinned, forgotten=forgotten)),
            root.result(),
            judge("password-login", partial(outside.password_login, connection.login)),
            *(answer.result() for answer in answers),
            *inside.evidence(known, request, route.subnet),
        ]
        users = [check.result() for check in own]
        # alone on the machine, so that its time is its own
        built = []
        if request.promises.nix:
            built = [judge("nix-build", partial(_nix_build, connection))]
        checks += [*(check.result() for check in extra), *built]
    last = [judge(name, partial(c, connection, looked, route)) for name, c in context.last.items()]
    return [*checks, *last, *users]


@contextmanager
def _side_by_side(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for checks; who is interrupted does not wait for them: there is to be tidied up."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _look_inside(connection: ssh.Connection) -> facts.Facts:
    name = connection.endpoint.name
    known = facts.probe(name, connection)
    if not known.nft:
        known = known.updated(facts.probe(name, connection, "iptables", "ip6tables"))
    return known


def _nix_build(connection: ssh.Connection) -> str:
    """Nix builds something that nobody has built before."""
    expression = DERIVATION.format(unique=uuid.uuid4().hex)
    try:
        command = f"nix-build --no-out-link -E {shlex.quote(expression)}"
        result = connection.run(command, timeout=BUILD, check=False)
    except CommandError as error:
        raise Failed(f"no end of the build within {BUILD:.0f} s") from error
    path = result.stdout.strip()
    if result.code != 0 or not path.startswith("/nix/store/"):
        said = result.stderr.strip().splitlines()[-3:]
        raise Failed(f"nix-build ended with exit code {result.code}: {' / '.join(said)}")
    return path
