"""Previews of the real engine as golden files: the tree, and what `--diff` shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flakeship import __version__
from tests import golden
from tests.project import Project

HOST = "appliance"
PLACEHOLDERS = {
    r"/nix/store/[0-9a-z]{32}-": "/nix/store/…-",
    r"\b[0-9a-f]{128}\b": "<sha512>",
    r"\b[0-9a-f]{40}(-dirty)?\b": "<revision>",
    r"\bsha256-[A-Za-z0-9+/]{43}=": "<nar hash>",
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b": "<id>",
    r"\bAAAA[\w+/=]{20,}": "<key>",
    r"\bSHA256:[\w+/]{43}": "<fingerprint>",
    r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00": "<time>",
    r'"[\w.-]+/[0-9a-f]{12}"': '"<workstation>"',
    # what is not from a setting, or the same everywhere
    r"\b(?!0\.0\.0\.0|127\.0\.0\.1|10\.20\.0\.0)\d+(\.\d+){3}(/\d+)?\b": "<address>",
    r"\b\d+\.\d+\.20\d{6}\b": "<version>",
    r"\b((?:ssh|check)_seconds *): [\d.]+": r"\1: <seconds>",
    r"\b\d+ of about \d+ store paths": "<n> of about <n> store paths",
    r"\bflakeship_checkout\.[0-9a-f]{12}\b": "flakeship_checkout.<checkout>",
    r"-[0-9a-f]{12}-[0-9a-f]{8}\.qcow2": "-<checkout>-<hash>.qcow2",
    r"\bclosure size: [\d.]+ MiB": "closure size: <size> MiB",
    r"(?<=: )\d{5}\b": "<port>",
    r"(?<=: )\d{7,}\b": "<bytes>",
}
"""What differs from run to run or from machine to machine, as patterns."""

STEP = re.compile(r" *[-+~<>]* *[\w:/]+: \([\w -]+(\[retain\])?\)")  # how --diff begins a resource
URN = re.compile(r"\[urn=urn:pulumi:[^\]]*?::([^\]:]+:[^\]]*)\]")
QUOTA = re.compile(r"(?<=quota used by this stack: ).*")
USE = re.compile(r"\d+( -> \d+)?( MiB)?( \(\d+)?")
ENTRY = re.compile(
    rf"^(?P<margin> *)- {HOST}-[a-z]{{8}}: [{{\[]\n(?:.*\n)*?(?P=margin)  [\]}}]\n", re.MULTILINE
)
ENTRIES = re.compile(rf"(?:{ENTRY.pattern}){{2,}}", re.MULTILINE)
"""The entries of a map by release, which the engine sorts by names that differ from run to run."""
ROW = re.compile(r"[ +~<>-]{4}([\w:]+ \S+)")  # of the tree


@dataclass
class Previews:
    """The previews of one stack, from its first to its last.

    Releases are `aaaaaaaa`, `bbbbbbbb` in the order of their appearance; `names` has further texts
    of this stack alone, and what stands for them.
    """

    project: Project
    folder: Path
    names: Mapping[str, str] = field(default_factory=dict)
    _releases: dict[str, str] = field(default_factory=dict)

    def compare(self, name: str, *words: str) -> None:
        """Both forms of what a command prints are as in the files `<name>.txt`, `<name>-diff.txt`.

        With `--diff` the engine writes what the program says to standard error, before everything.
        They are compared when both are written: `GOLDEN=write` writes all.
        """
        tree = self._tree(*words)
        done = self.project.pulumi(*words, "--diff")
        said, steps = self._stable(done.stderr), _steps(self._stable(done.stdout))
        golden.compare_text(self.folder / f"{name}.txt", tree)
        golden.compare_text(self.folder / f"{name}-diff.txt", f"{said}\n{steps}".lstrip())

    def _tree(self, *words: str) -> str:
        return _rows(self._stable(self.project.pulumi(*words).stdout))

    def _stable(self, text: str) -> str:
        for found in re.findall(rf"\b{HOST}-([0-9a-z]{{8}})\b", text):
            self._releases.setdefault(found, 8 * "abcdef"[len(self._releases)])
        for release, letters in self._releases.items():
            # of a machine, which has its shape at the end, and of paths that begin with the release
            text = re.sub(rf"\b(\w+-){release}-[0-9a-f]{{4}}\b", rf"\g<1>{letters}-0000", text)
            text = re.sub(rf"\b{release}[0-9a-z]{{24}}-", f"{letters}…-", text)
            text = re.sub(rf"\b{release}(?:[0-9a-f]{{8}})?\b", letters, text)
        for own, general in {**self.names, __version__: "<flakeship>"}.items():
            text = re.sub(rf"\b{re.escape(own)}\b", general, text)
        for pattern, placeholder in PLACEHOLDERS.items():
            text = re.sub(pattern, placeholder, text)
        text = QUOTA.sub(lambda line: USE.sub(_more, line[0]), text)
        return ENTRIES.sub(_sorted, text)


class LifeOfPreviews:
    """The tests of a target, in their order; `previews` is a fixture of it, of a stack of its own.

    A subclass in the target's folder runs them.
    """

    def test_a_first_up(self, previews: Previews) -> None:
        previews.compare("first-up", "preview")

    def test_a_no_op(self, previews: Previews) -> None:
        previews.project.up()
        previews.compare("no-op", "preview")

    def test_a_new_release(self, previews: Previews) -> None:
        previews.project.edit("Hello from the appliance", "Welcome to the appliance")
        previews.compare("new-release", "preview")

    def test_a_rollback(self, previews: Previews) -> None:
        older = previews.project.running()
        previews.project.up()
        previews.project.config("release", older)
        previews.compare("rollback", "preview")

    def test_a_destroy(self, previews: Previews) -> None:
        previews.compare("destroy", "destroy", "--preview-only")


def _more(found: re.Match[str]) -> str:
    """By how much a quota is used more: the project is not the stack's alone."""
    before, *later = (int(number) for number in re.findall(r"\d+", found[0]))
    shown = iter(["<n>", *(f"<n+{number - before}>" for number in later)])
    return re.sub(r"\d+", lambda _: next(shown), found[0])


def _sorted(found: re.Match[str]) -> str:
    return "".join(sorted(entry[0] for entry in ENTRY.finditer(found[0])))


def _rows(text: str) -> str:
    """The tree as it is in the end; the engine takes the steps of resources in any order."""
    lines = text.splitlines()
    end = next(n for n, line in enumerate(lines) if re.match(r"\w+:$", line))
    rows: dict[str, str] = {}
    for line in lines[:end]:
        # of the stack there are lines without an operation too, before and after the one with it
        row = ROW.match(line)
        if row and (line[:4].strip() or not rows.get(row[1], "")[:4].strip()):
            rows[row[1]] = line.rstrip()
    return _text([lines[0], "", *(rows[key] for key in sorted(rows, key=_order)), *lines[end:]])


def _steps(text: str) -> str:
    """The resources in the order of their URNs, with the stack as their frame."""
    head, first, *rest = _blocks(text.splitlines())
    if "pulumi:pulumi:Stack:" not in first[0]:  # of a destroy it is the last
        first, rest = [], [first, *rest]
    return _text([*head, *first, *(line for block in sorted(rest, key=_place) for line in block)])


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """What is before the first resource, each resource, what is behind the last one."""
    block: list[str] = []
    for line in lines:
        if STEP.fullmatch(line) or re.match(r"( {4})?(--outputs:--|Resources:)$", line):
            yield block
            block = []
        block.append(line)
    yield block


def _place(block: list[str]) -> tuple[int, str]:
    if not STEP.fullmatch(block[0]):
        return 2, ""
    urn = next(found[1] for line in block if (found := URN.search(line)))
    return 1, urn.replace("$", "~")  # a parent comes before its children


def _order(key: str) -> tuple[bool, str]:
    return not key.startswith("pulumi:pulumi:Stack "), key


def _text(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"
