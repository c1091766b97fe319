"""`make check`: style, types, Nix files, shell scripts and the Makefile."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.setup import nixfmt, paths
from flakeship.system.process import Result, run

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    """One command, how many files it is given (0: it finds them), and what puts it right.

    Where the command cannot be had, `lacking` says why.
    """

    name: str
    argv: tuple[str | Path, ...]
    files: int = 0
    hint: str = ""
    lacking: str = ""


def tracked(pattern: str = "") -> list[Path]:
    """List the files of the checkout, new ones included, that are there and not ignored."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = run([*argv, "--", *([pattern] if pattern else [])], cwd=paths.ROOT).stdout
    files = {paths.ROOT / name for name in names.split("\0") if name}
    return sorted(file for file in files if file.is_file())


def targets() -> list[str]:
    """All that can be made, so that a Makefile which cannot be read is found."""
    text = (paths.ROOT / "Makefile").read_text()
    return re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE)


def is_shell(file: Path) -> bool:
    """Whether a file is a shell script, by its name or its first line."""
    if file.suffix == ".sh":
        return True
    with file.open("rb") as content:
        first = content.readline(80)
    return first.startswith(b"#!") and first.split()[-1].rsplit(b"/")[-1] in {b"sh", b"bash"}


def checks() -> Iterator[Check]:
    """List the checks, quick ones first."""
    yield Check("ruff check", (BIN / "ruff", "check", "--quiet", "."), hint="make format")
    yield Check("ruff format", (BIN / "ruff", "format", "--check", "."), hint="make format")
    shell = [file for file in tracked() if is_shell(file)]
    yield Check("shellcheck", (BIN / "shellcheck", "--severity=warning", *shell), len(shell))
    nix = tracked("*.nix")
    yield Check("nix files", ("nix-instantiate", "--parse", *nix), len(nix))
    formatter, why = nixfmt.ensure()
    yield Check(
        "nixfmt", (formatter or "", "--check", *nix), len(nix), hint="make format", lacking=why
    )
    yield Check("make", ("make", "--dry-run", *targets()))
    yield Check("imports", (BIN / "lint-imports", "--no-cache", "--no-logo"))
    yield Check("mypy --strict", (BIN / "mypy",))


def run_all() -> int:
    """Run every check, so that one run shows all that is wrong; fail where any does."""
    failed, lacking = [], []
    for check in checks():
        if check.lacking:
            lacking.append(check.name)
            print(f"check: {check.name} ({check.files} files): NOT CHECKED: {check.lacking}")
            continue
        start = time.monotonic()
        result = run(check.argv, check=False, cwd=paths.ROOT)
        files = f" ({check.files} files)" if check.files else ""
        took = f"{time.monotonic() - start:.1f} s"
        if result.code == 0:
            print(f"check: {check.name}{files}: fine, {took}")
            continue
        failed.append(check.name)
        print(said(check, result))
    if lacking:
        print(f"check: {len(lacking)} not made: {' and '.join(lacking)}")
    if failed:
        print(f"check: {' and '.join(failed)} failed: the messages above name file and line")
    return 1 if failed else 0


def format_all() -> int:
    """Put right what programs can put right."""
    formatter, why = nixfmt.ensure()
    run((BIN / "ruff", "check", "--fix", "--quiet", "."), check=False, cwd=paths.ROOT)
    run((BIN / "ruff", "format", "--quiet", "."), cwd=paths.ROOT)
    if not formatter:
        print(f"format: Nix files stay as they are: {why}", file=sys.stderr)
        return 1
    run((formatter, *tracked("*.nix")), cwd=paths.ROOT)
    return 0


def said(check: Check, result: Result) -> str:
    """Show a failed check's own words, without a parser's view of what is fine."""
    words = result.stderr if check.name == "nix files" else result.stdout + result.stderr
    hint = f" (`{check.hint}` puts much of it right)" if check.hint else ""
    return f"{words.rstrip()}\ncheck: {check.name} failed{hint}"
