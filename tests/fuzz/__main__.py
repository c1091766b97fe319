"""`make fuzz`: new bad inputs for FUZZ_MINUTES, in turns over everything that reads some.

Prints what was tried; each find with the smallest input that shows it. Exit code 1 where there is
one. FUZZ_SEED repeats a run, FUZZ_ONLY tries the subjects whose names begin so.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections import Counter, defaultdict

from hypothesis import HealthCheck, Verbosity, settings

from tests.fuzz.subject import Subject, attempt
from tests.fuzz.subjects import SUBJECTS

ROUND = settings(
    max_examples=200,
    database=None,
    deadline=None,  # each subject has a bound of its own, in processor time
    suppress_health_check=[*HealthCheck],
    verbosity=Verbosity.quiet,
)
MOST_MEMORY = 2 * 1024**3
"""Bytes of address space: what takes more raises MemoryError, which is a find."""


def main() -> int:
    """Try until the time is over; the exit code."""
    minutes = float(os.environ.get("FUZZ_MINUTES", "60"))
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    chosen = [each for each in SUBJECTS if each.name.startswith(os.environ.get("FUZZ_ONLY", ""))]
    if not chosen:
        print(f"no subject begins so; there are: {', '.join(each.name for each in SUBJECTS)}")
        return 2
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    print(f"{len(chosen)} subjects, {minutes:g} minutes, FUZZ_SEED={seed}", flush=True)
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    finds: set[str] = set()
    seeds, end = random.Random(seed), time.monotonic() + minutes * 60
    while time.monotonic() < end:
        for subject in chosen:
            one_round(subject, seeds.randrange(2**32), seen[subject.name], finds)
            if time.monotonic() >= end:
                break
    print(table(seen))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    tried = sum(sum(each.values()) for each in seen.values())
    print(f"{tried} inputs, {len(finds)} finds, {memory} MiB of memory at the most")
    return 1 if finds else 0


def one_round(subject: Subject, seed: int, seen: Counter[str], finds: set[str]) -> None:
    """Try a subject with new inputs; a find that was there before is not shown again."""
    try:
        attempt(subject, ROUND, seen, seed)
    except Exception as error:  # noqa: BLE001 - any is a find
        places = traceback.extract_tb(error.__traceback__)
        place = places[-1] if places else None
        find = f"{subject.name}: {type(error).__name__} in {place and place.name}"
        if find not in finds:
            finds.add(find)
            print(f"\nFIND {find} (seed {seed})", flush=True)
            traceback.print_exception(error, limit=-6)


def table(seen: dict[str, Counter[str]]) -> str:
    """How many inputs of each subject ended how."""
    width = max(map(len, seen), default=0)
    return "\n".join(
        f"{name:{width}} {sum(found.values()):8}  "
        + ", ".join(f"{code} {count}" for code, count in found.most_common(8))
        for name, found in seen.items()
    )


if __name__ == "__main__":
    sys.exit(main())
