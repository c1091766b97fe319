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
    """One command, how many files it is given (0: it finds them), and what fixes it.

    `unavailable` is the reason why a command cannot be run; empty where it can.
    """

    name: str
    argv: tuple[str | Path, ...]
    files: int = 0
    hint: str = ""
    unavailable: str = ""


def tracked(pattern: str = "") -> list[Path]:
    """List the files of the checkout, new ones included, that are there and not ignored."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = run([*argv, "--", *([pattern] if pattern else [])], cwd=paths.ROOT).stdout
    files = {paths.ROOT / name for name in names.split("\0") if name}
    return sorted(file for file in files if file.is_file())


def targets() -> list[str]:
    """The documented targets of the Makefile; a dry run of them finds syntax errors."""
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
        "nixfmt", (formatter or "", "--check", *nix), len(nix), hint="make format", unavailable=why
    )
    yield Check("make", ("make", "--dry-run", *targets()))
    yield Check("imports", (BIN / "lint-imports", "--no-cache", "--no-logo"))
    yield Check("mypy --strict", (BIN / "mypy",))


def run_all() -> int:
    """Run every check, so that one run shows all that is wrong; fail where any does."""
    failed, skipped = [], []
    for check in checks():
        if check.unavailable:
            skipped.append(check.name)
            print(f"check: {check.name} ({check.files} files): SKIPPED: {check.unavailable}")
            continue
        start = time.monotonic()
        result = run(check.argv, check=False, cwd=paths.ROOT)
        files = f" ({check.files} files)" if check.files else ""
        took = f"{time.monotonic() - start:.1f} s"
        if result.code == 0:
            print(f"check: {check.name}{files}: fine, {took}")
            continue
        failed.append(check.name)
        print(shown(check, result))
    if skipped:
        print(f"check: {len(skipped)} skipped: {' and '.join(skipped)}")
    if failed:
        print(f"check: {' and '.join(failed)} failed: the messages above name file and line")
    return 1 if failed else 0


def format_all() -> int:
    """Format and fix what programs can, and write the generated pages of the reference."""
    from dev.reference.pages import write  # noqa: PLC0415 - after the set-up

    formatter, why = nixfmt.ensure()
    write()
    run((BIN / "ruff", "check", "--fix", "--quiet", "."), check=False, cwd=paths.ROOT)
    run((BIN / "ruff", "format", "--quiet", "."), cwd=paths.ROOT)
    if not formatter:
        print(f"format: Nix files are not formatted: {why}", file=sys.stderr)
        return 1
    run((formatter, *tracked("*.nix")), cwd=paths.ROOT)
    return 0


def shown(check: Check, result: Result) -> str:
    """The output of a failed check, without what a parser prints of good files."""
    text = result.stderr if check.name == "nix files" else result.stdout + result.stderr
    hint = f" (`{check.hint}` fixes most of it)" if check.hint else ""
    return f"{text.rstrip()}\ncheck: {check.name} failed{hint}"
