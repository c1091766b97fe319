"""Times as states have them, and as a person reads how long they are ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def parsed(text: str) -> datetime | None:
    """A time of ISO 8601, in UTC; None where it is none, or has no zone."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def duration(time: timedelta) -> str:
    """A time for a person: its two largest units."""
    seconds = max(0, round(time.total_seconds()))
    parts: list[str] = []
    for unit, length in UNITS:
        count, seconds = divmod(seconds, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
