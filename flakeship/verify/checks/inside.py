"""Checks inside a machine: of what it reports of itself, and of what Nix does there."""

from __future__ import annotations

import shlex
import uuid

from flakeship.model.errors import CommandError
from flakeship.model.text import rows
from flakeship.ssh.options import as_root
from flakeship.system.process import Result, Shell
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed

SECONDS = 300.0  # for an activation, or a build that does next to nothing
# by itself: no cache has it, and the daemon need not start what looks for other builders
DERIVATION = """derivation {{
  name = "flakeship-{unique}";
  allowSubstitutes = false;
  preferLocalBuild = true;
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo {unique} > $out" ];
}}"""


def toplevel(subject: Subject) -> str:
    """The running system is the release's."""
    running, expected = subject.facts().text("toplevel"), subject.request.toplevel
    if running != expected:
        raise Failed(f"{running} is running, the release is {expected}")
    return running


def sudo(subject: Subject) -> str:
    """The user becomes root without a password."""
    facts, user = subject.facts(), subject.request.user
    uid = facts.text("sudo")
    if uid != "0":
        reason = facts.refusal or f"the user id is {uid}"
        raise Failed(f"`sudo -n` does not make {user} root: {reason}")
    return f"{user} may use sudo"


def system(subject: Subject) -> str:
    """All units are up."""
    facts = subject.facts()
    state, failed = facts.state, rows(facts.text("failed"))
    if failed:
        units = ", ".join(line.split()[0] for line in failed if line.strip())
        why = f"; their last log lines: {facts.reasons}" if facts.reasons else ""
        raise Failed(f"{state}, failed units: {units}{why}")
    if state in ("starting", "initializing"):
        held = ", ".join(job for job in facts.jobs if job.endswith(" running")) or "no job"
        raise Failed(
            f"still {state} after {subject.request.deadline:.0f} s, held by: {held}. Set a larger "
            "flakeship:bootTimeout, or let the boot not wait for it"
        )
    if state != "running":
        raise Failed(f"the system is {state}, not running")
    return f"running, no failed units, boot {facts.text('boot')}"


def nix_build(subject: Subject) -> str:
    """Nix builds a derivation that was never built before.

    It begins beside the system's start, and once more where Nix's daemon comes up after SSH.
    """
    early = not subject.started()
    result = _built(subject.shell)
    if result.code != 0 and early:
        subject.facts()
        result = _built(subject.shell)
    path = result.stdout.strip()
    if result.code != 0 or not path.startswith("/nix/store/"):
        raise Failed(f"nix-build ended with {_ending(result.code, result.stderr)}")
    return path


def _built(shell: Shell) -> Result:
    expression = DERIVATION.format(unique=uuid.uuid4().hex)
    command = f"nix-build --no-out-link -E {shlex.quote(expression)}"
    try:
        return shell.run(command, timeout=SECONDS, check=False)
    except CommandError as error:
        raise Failed(f"nix-build did not finish within {SECONDS:.0f} s") from error


def not_promised(key: str, _: Subject) -> str:
    """The evidence of a check that is not made, as the host's manifest says."""
    return f"not asked: the host's manifest has `{key}: false`"


def reactivation(subject: Subject) -> str:
    """`nixos-rebuild switch` to the running release works, and changes nothing."""
    if subject.route.serving:
        return "skipped: it has the stable address and is serving"
    release = subject.request.toplevel
    command = f"{release}/bin/switch-to-configuration switch"
    script = f"{as_root(command)}; code=$?; echo; readlink -f /run/current-system; exit $code"
    try:
        result = subject.shell.run(f"sh -c {shlex.quote(script)}", timeout=SECONDS, check=False)
    except CommandError as error:
        raise Failed(f"`{command}` did not finish: {error}") from error
    printed, _, running = result.stdout.removesuffix("\n").rpartition("\n")
    if result.code != 0:
        output = result.stderr.strip() or printed
        raise Failed(f"`{command}` ended with {_ending(result.code, output)}")
    if running != release:
        raise Failed(f"after `{command}` the running system is {running or 'unknown'}")
    return "switch-to-configuration switch: exit code 0, the release is still running"


def _ending(code: int, output: str) -> str:
    return f"exit code {code}: {' / '.join(output.strip().splitlines()[-3:])}"
