"""Runs probe.sh on a machine, which reports all facts in one login and with one sudo."""

from __future__ import annotations

import re
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.ssh.connection import FAILED
from flakeship.ssh.options import as_root
from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts, Section

SCRIPT = Path(__file__).with_name("probe.sh").read_text()  # for the standard input of `command`
SECONDS = 240.0  # for the script, which waits up to 120 s for the system to have started
MARKS = re.compile(r"^@@@ .*\n?", re.MULTILINE)
SECTION = re.compile(
    r"^@@@ begin (?P<name>\S+) (?P<since>[\d.]+) -\n"
    r"(?P<text>.*?)"
    r"^@@@ end (?P=name) (?P<until>[\d.]+) (?P<code>\d+)$",
    re.MULTILINE | re.DOTALL,
)


def command(*sections: str) -> str:
    """The command line that runs the script: as root, or as the user where sudo refuses."""
    return as_root(f"sh -s {' '.join(sections)}", or_as_user=True)


def run(shell: Shell, *sections: str) -> Facts:
    """Run all sections or some, again where SSH was lost. Raises CommandError (probe-failed)."""
    for _ in range(2):
        result = shell.run(command(*sections), stdin=SCRIPT, timeout=SECONDS, check=False)
        if result.code != FAILED:
            break
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


def run_all(shell: Shell) -> Facts:
    """All facts, with the rules of iptables where nftables is not what filters."""
    facts = run(shell)
    return facts if facts.nft else facts.updated(run(shell, "iptables", "ip6tables"))


def parse(stdout: str, stderr: str) -> Facts:
    """The sections that probe.sh wrote; one without its end is left out."""
    errors = {found["name"]: found["text"].strip("\n") for found in SECTION.finditer(stderr)}
    sections = {
        found["name"]: Section(
            code=int(found["code"]),
            stdout=found["text"].strip("\n"),
            stderr=errors.get(found["name"], ""),
            milliseconds=round((float(found["until"]) - float(found["since"])) * 1000),
        )
        for found in SECTION.finditer(stdout)
    }
    return Facts(sections, refusal=" ".join(stderr.partition("@@@ ")[0].split()))
