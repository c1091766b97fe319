"""Verification: from a machine that is starting to evidence that it is what was released."""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from flakeship import console, hostkeys, ssh
from flakeship.checks import custom, facts, inside, outside
from flakeship.checks.verdict import Failed, judge
from flakeship.errors import CommandError, FlakeshipError
from flakeship.requests import Check, Evidence, Port, VerifyRequest, parse

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

Progress = Callable[[str], object]


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


def verify(request: VerifyRequest, pinned: Sequence[str], progress: Progress) -> Evidence:
    """Wait for the machine, run every check, and return the evidence when all have passed.

    `pinned` are the host keys of an earlier verification of this machine: any other key is
    refused. Raises FlakeshipError with the failed checks, the console's end and the next step.
    """
    started = time.monotonic()
    log = Path(request.console)
    keys = list(pinned)
    try:
        progress(f"{request.machine}: waiting for its host keys on the console")
        with _connected(request, keys, started + request.deadline) as connection:
            keys = connection.keys
            seconds = round(time.monotonic() - started, 2)
            progress(f"{request.machine}: SSH answers after {seconds:.1f} s, now the checks")
            checks = _checks(request, list(pinned), connection)
    except FlakeshipError as error:
        said = str(error).removeprefix(f"{request.machine}: ")
        raise FlakeshipError(_story(request, keys, [f"{request.machine}: {said}"])) from error
    failed = [check for check in checks if not check.passed]
    if failed:
        lines = [f"{request.machine}: {len(failed)} of {len(checks)} checks failed"]
        lines += [f"  ✗ {check.name}: {check.detail}" for check in failed]
        raise FlakeshipError(_story(request, keys, lines))
    announced = hostkeys.announced(log)
    if not hostkeys.same(announced, keys):
        raise FlakeshipError(_story(request, keys, [_difference(request, keys, announced)]))
    at = datetime.now().astimezone().isoformat(" ", "seconds")
    return Evidence(request.machine, request.boot, keys, seconds, checks, at)


@contextmanager
def _connected(request: VerifyRequest, pinned: list[str], end: float) -> Iterator[ssh.Connection]:
    """A login on a server whose host key the console has announced."""
    log = Path(request.console)
    keys = hostkeys.wait(log, request.deadline)
    while True:
        if pinned and not hostkeys.same(keys, pinned):
            raise FlakeshipError(_difference(request, pinned, keys))
        with ssh.Connection(_endpoint(request), keys) as connection:
            try:
                connection.connect(end - time.monotonic())
            except ssh.HostKeyRefusedError as error:
                if pinned:
                    raise FlakeshipError(_difference(request, pinned, [], str(error))) from error
                refused = error
            else:
                yield connection
                return
        # the server is up, but the console may still tell of an earlier boot
        try:
            keys = hostkeys.wait(log, NEW_KEYS, other_than=keys)
        except FlakeshipError:
            raise FlakeshipError(
                f"{request.machine}: 1 check failed\n  ✗ host-key: {refused}: "
                "it is not the key that the console announced"
            ) from refused


def _checks(request: VerifyRequest, pinned: list[str], connection: ssh.Connection) -> list[Check]:
    """All the evidence, in its stable order."""
    ports = {22: Port(22, "ssh"), **{port.port: port for port in request.ports if not port.data}}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        root = pool.submit(judge, "root-login", partial(outside.root_login, connection))
        known = _look_inside(connection)
        answers = [
            pool.submit(judge, f"port-{port.port}", partial(outside.port, request, port))
            for _, port in sorted(ports.items())
        ]
        own = [
            pool.submit(judge, c.name, partial(custom.check, c, request, connection))
            for c in request.checks
        ]
        # a service may be up before it listens: look again when its port has answered
        wait_for(answers)
        if _unheard(known, request):
            known = known.updated(facts.probe(request.machine, connection, "listeners"))
        checks = [
            judge("host-key", partial(outside.host_key, connection, pinned)),
            root.result(),
            judge("password-login", partial(outside.password_login, connection.login)),
            *(answer.result() for answer in answers),
            *inside.evidence(known, request),
        ]
        users = [check.result() for check in own]
    # alone, so that its time is its own
    return [*checks, judge("nix-build", partial(_nix_build, connection)), *users]


def _look_inside(connection: ssh.Connection) -> facts.Facts:
    name = connection.endpoint.name
    known = facts.probe(name, connection)
    if not known.nft:
        known = known.updated(facts.probe(name, connection, "iptables", "ip6tables"))
    return known


def _unheard(known: facts.Facts, request: VerifyRequest) -> bool:
    try:
        return bool(inside.unheard(known, request))
    except Failed:
        return False


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


def _endpoint(request: VerifyRequest) -> ssh.Endpoint:
    return ssh.Endpoint(
        request.machine, request.address, request.reach[22], request.user, request.identity
    )


def _difference(
    request: VerifyRequest, pinned: Sequence[str], announced: Sequence[str], shown: str = ""
) -> str:
    """Why a key is refused that is not the pinned one."""
    lines = [
        f"{request.machine}: its SSH host key has changed: refused",
        *(f"  pinned:    {hostkeys.fingerprint(key)}" for key in pinned),
        *(f"  announced: {hostkeys.fingerprint(key)}" for key in announced),
        *([f"  server:    {shown}"] if shown else []),
        "A machine keeps its keys for its life: its disk was replaced, or something else answers "
        "in its place.",
        "A changed key is never learned again. If the change is yours, make the machine anew: "
        f"pulumi up --replace '**-{request.machine}'",
    ]
    return "\n".join(lines)


def _story(request: VerifyRequest, keys: Sequence[str], headline: list[str]) -> str:
    """What happened, what the console said last, and the next step."""
    said = console.tail(Path(request.console))
    end = [f"The end of the console ({request.console}):", *(f"  | {line}" for line in said)]
    return "\n".join(
        [
            *headline,
            *(end if said else [f"The console ({request.console}) is empty."]),
            "Nothing was switched over: what had the server's name before still has it. "
            "To look at this machine:",
            f"  {ssh.by_hand(_endpoint(request), keys)}",
        ]
    )
