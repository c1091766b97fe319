"""A short run of what `make fuzz` does for an hour, the same at every time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.subject import Subject, attempt
from tests.fuzz.subjects import SUBJECTS

SHORT = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,  # each subject has a bound of its own, in processor time
    suppress_health_check=[*HealthCheck],
)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_bad_inputs_are_accepted_or_refused(subject: Subject) -> None:
    seen: Counter[str] = Counter()
    attempt(subject, SHORT, seen)
    assert sum(seen.values()) > 20
