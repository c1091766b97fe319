"""Runs probe.sh on a machine, which reports all facts in one login and with one sudo."""

from __future__ import annotations

import re
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.ssh.connection import FAILED
from flakeship.ssh.options import as_root
from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts, Section

SCRIPT = Path(__file__).with_name("probe.sh").read_text()
"""For the standard input of `command`."""

SECONDS = 240.0
"""For the script, which waits up to 120 s for the system to have started."""

MARK = re.compile(r"@@@ (begin|end) (\S+) ([\d.]+) (\S+)")

MARKS = re.compile(r"^@@@ .*\n?", re.MULTILINE)


def command(*sections: str) -> str:
    """The command line that runs the script: as root, or as the user where sudo refuses."""
    return as_root(f"sh -s {' '.join(sections)}", or_as_user=True)


def run(shell: Shell, *sections: str) -> Facts:
    """Run the script on a machine: all sections, or some; once more where the connection was lost.

    Raises CommandError (probe-failed).
    """
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


def parse(stdout: str, stderr: str) -> Facts:
    """The sections that probe.sh wrote; one without its end is left out."""
    errors = {name: text for name, text, _, _ in _framed(stderr)}
    return Facts(
        {
            name: Section(code, text, errors.get(name, ""), milliseconds)
            for name, text, code, milliseconds in _framed(stdout)
        },
        refusal=" ".join(stderr.partition("@@@ ")[0].split()),
    )


def _framed(stream: str) -> list[tuple[str, str, int, int]]:
    """(section, text, exit code, milliseconds) for each one that has an end."""
    found = []
    begun, since, lines = "", 0.0, list[str]()
    for line in stream.splitlines():
        mark = MARK.fullmatch(line)
        if not mark:
            lines.append(line)
        elif mark[1] == "begin":
            begun, since, lines = mark[2], float(mark[3]), []
        elif mark[2] == begun:
            took = round((float(mark[3]) - since) * 1000)
            found.append((begun, "\n".join(lines).strip("\n"), int(mark[4]), took))
            begun = ""
    return found
