"""Runs probe.sh on a machine, which reports all facts in one login and with one sudo."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.model.sizes import MIB
from flakeship.ssh.connection import FAILED
from flakeship.ssh.options import as_root
from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts, Section
from flakeship.verify.checks.filters import settled

SCRIPT = Path(__file__).with_name("probe.sh").read_text()  # for the standard input of `command`
SECONDS = 120.0  # for the script, beside its wait for the system to have started
WAIT = 120.0  # seconds for that where the caller sets none
OUTPUT = 16 * MIB  # bytes of all sections: the rules of a host with a blocklist are long
MARKS = re.compile(r"^@@@ .*\n?", re.MULTILINE)
TIME = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
MARK = re.compile(rf"^@@@ (begin|end) (\S{{1,64}}) ({TIME}) (-|[0-9]{{1,3}})$", re.MULTILINE)


def command(*sections: str, wait: float = WAIT) -> str:
    """The command line that runs the script: as root, or as the user where sudo refuses."""
    return as_root(f"sh -s {' '.join([f'wait={wait:.0f}', *sections])}", or_as_user=True)


def run(shell: Shell, *sections: str, wait: float = WAIT) -> Facts:
    """Run all sections or some, again where SSH was lost. Raises CommandError (probe-failed).

    `wait` is in seconds, for the system to have started. Of more than OUTPUT bytes nothing is read:
    rules that are missing would refuse, or open, whatever they liked.
    """
    end = time.monotonic() + wait
    for _ in range(2):
        left = max(end - time.monotonic(), 0.0)
        line = command(*sections, wait=left)
        result = shell.run(line, stdin=SCRIPT, timeout=SECONDS + left, check=False, most=OUTPUT)
        if result.code != FAILED:
            break
    if result.dropped:
        return Facts(fault=f"the probe script wrote more than {OUTPUT} bytes, and none are read")
    found = parse(result.stdout, result.stderr)
    if result.code == FAILED or not found.sections:
        output = MARKS.sub("", result.stderr).strip() or MARKS.sub("", result.stdout).strip()
        raise CommandError(
            f"the probe script did not run (exit code {result.code}): {output or 'no output'}",
            result.code,
            result.stderr,
            code="probe-failed",
        )
    return found


def run_all(shell: Shell, *sections: str, wait: float = WAIT) -> Facts:
    """All facts or some, with the rules of iptables where those of nftables are not the whole.

    The script mostly sees by itself whether they are; whoever reads the rules decides.
    """
    facts = run(shell, *sections, wait=wait)
    if "iptables" in facts.sections or settled(facts):
        return facts
    return facts.updated(run(shell, "iptables", "ip6tables"))


def parse(stdout: str, stderr: str) -> Facts:
    """The sections that probe.sh wrote; one without its end is left out."""
    errors = {name: text for name, text, _, _ in _framed(stderr)}
    sections = {
        name: Section(code, text, errors.get(name, ""), milliseconds)
        for name, text, code, milliseconds in _framed(stdout)
    }
    return Facts(sections, refusal=" ".join(stderr.partition("@@@ ")[0].split()))


def _framed(stream: str) -> Iterator[tuple[str, str, int, int]]:
    """(section, text, exit code, milliseconds) of each that has an end.

    Mark by mark: a list of all lines takes many times the memory of a hostile output, and a regular
    expression for a whole section is tried from every beginning to the end.
    """
    begun, since, start = "", 0.0, 0
    for mark in MARK.finditer(stream):
        if mark[1] == "begin":
            begun, since, start = mark[2], float(mark[3]), mark.end()
        elif mark[2] == begun and mark[4] != "-":
            took = round((float(mark[3]) - since) * 1000)
            yield begun, stream[start : mark.start()].strip("\n"), int(mark[4]), took
            begun = ""
