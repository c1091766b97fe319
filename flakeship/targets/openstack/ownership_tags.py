"""Ownership tags as a cloud stores them: as tags, or as the words of a description."""

from __future__ import annotations

from collections.abc import Iterable

from flakeship.rollout.ownership import Owner


def words(owner: Owner) -> list[str]:
    """The tags as everything of Neutron's carries them: `<key>=<value>`."""
    return [f"{key}={value}" for key, value in owner.tags.items()]


def description(owner: Owner) -> str:
    """The tags in one text: tags come only after an object, and a kill may come in between."""
    return " ".join(words(owner))


def read(found: Iterable[str]) -> dict[str, str]:
    """The tags from words, those of others among them."""
    return dict(word.partition("=")[::2] for word in found)
