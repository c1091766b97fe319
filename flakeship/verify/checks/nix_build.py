"""The check that Nix builds on a machine."""

from __future__ import annotations

import shlex
import uuid

from flakeship.model.errors import CommandError
from flakeship.verify.checks.scheduled import Subject
from flakeship.verify.checks.verdict import Failed

SECONDS = 300.0
"""For a derivation that does next to nothing."""

DERIVATION = """derivation {{
  name = "flakeship-{unique}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo {unique} > $out" ];
}}"""


def check(subject: Subject) -> str:
    """Nix builds a derivation that was never built before."""
    expression = DERIVATION.format(unique=uuid.uuid4().hex)
    command = f"nix-build --no-out-link -E {shlex.quote(expression)}"
    try:
        result = subject.shell.run(command, timeout=SECONDS, check=False)
    except CommandError as error:
        raise Failed(f"nix-build did not finish within {SECONDS:.0f} s") from error
    path = result.stdout.strip()
    if result.code != 0 or not path.startswith("/nix/store/"):
        last = result.stderr.strip().splitlines()[-3:]
        raise Failed(f"nix-build ended with exit code {result.code}: {' / '.join(last)}")
    return path
