"""Values that users, flakes, guests and broken disks come up with, and JSON that has them."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Json = Any
Draw = Callable[[st.SearchStrategy[Any]], Any]

NUMBERS = (
    "010",
    "0x10",
    "0o17",
    "1_000",
    "+1",
    "-0",
    "1e400",
    "1.",
    " 1",
    "٣",
    "²",
    "𝟙",
    "９",
    "-1",
)
"""Texts that some programs take for numbers."""

CONTROLS = (
    *(
        "\0",
        "\x07",
        "\x08",
        "\x1b[2J",
        "\x1b]52;c;QUFB\x07",
        "\x1b]0;t\x1b\\",
        "\x9b2J",
        "\r",
        "\n",
    ),
    *("\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\u200e", "\ufeff", "\xad"),
    *("\ud800", "\udcff", "\udbff\udfff", "\U000e0041", "\ufffe", "\U0010ffff"),
)
"""What a terminal obeys, what turns the order of text, and what is no text at all."""

WORDS = (
    *("", " ", "  ", "-", "--impure", ".", "..", "../../etc", "/", "//", "~", "~nosuchuser/x"),
    *(
        "%s",
        "%n",
        "{}",
        "{0}",
        "${x}",
        "$(id)",
        "`id`",
        "'",
        '"',
        "\\",
        "'; id; '",
        "a b",
        "#",
        "?",
    ),
    *(
        "true",
        "null",
        "NaN",
        "Infinity",
        "-Infinity",
        "ü",
        "é",
        "你好",
        "🦭",
        "@target",
        "__class__",
    ),
    *("x" * 300, "x" * 5000, "/x" * 2500, "9" * 20, "9" * 5000, "[" * 2000, "é" * 300),
)

NASTY = (*NUMBERS, *CONTROLS, *WORDS)

BROKEN = (
    *("", " ", "null", "7", '"x"', "[]", "{}", "{", "NaN", "[" * 100_000, '{"a":' * 5000, "\0"),
    *("9" * 5000, f'{{"a": {"9" * 5000}}}', '"\\ud800"', "\ufeff{}", '{"a": 1, "a": 2}', "{1: 2}"),
)
"""Texts that are no JSON, or no JSON that Python reads."""

INTEGERS = (0, -1, 1, 22, 65535, 65536, 2**31, 2**53 + 1, 2**63, 2**64, 10**400)
FLOATS = (0.0, -0.0, 1.0, 1.5, 1e-320, 1e308, math.inf, -math.inf, math.nan)


def deep(depth: int) -> Json:
    """A list in a list in a list."""
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=())),
    st.builds(
        "".join, st.lists(st.sampled_from((*CONTROLS, "a", "web", "1", "-", " ")), max_size=6)
    ),
)
"""Any text, lone surrogates too."""

values: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from((True, False, None)),
    st.sampled_from(INTEGERS),
    st.sampled_from(FLOATS),
    texts,
    st.sampled_from(([], {}, [[]], [None], {"": None}, {"a": {"a": {}}}, deep(60), [0] * 300)),
    st.recursive(
        st.one_of(st.booleans(), st.integers(), texts),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=8,
    ),
)
"""Any value that JSON, or Python's reading of it, has."""


def places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in a value, its own first."""
    found = [path]
    pairs: Sequence[tuple[str | int, Json]] = ()
    if isinstance(value, Mapping):
        pairs = [*value.items()]
    elif isinstance(value, list):
        pairs = [*enumerate(value)]
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


def at(value: Json, path: Sequence[str | int]) -> Json:
    """The value at a path."""
    for key in path:
        value = value[key]
    return value


@st.composite
def changed(draw: Draw, examples: Sequence[Json]) -> Json:
    """One of the examples, with some of its values replaced, moved, removed or added."""
    value = copy.deepcopy(draw(st.sampled_from(examples)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(value)))
        if not path:
            value = copy.deepcopy(draw(values)) if draw(st.integers(0, 9)) == 0 else value
            continue
        parent, key = at(value, path[:-1]), path[-1]
        match draw(
            st.sampled_from(("replace", "replace", "graft", "remove", "add", "wrap", "spoil"))
        ):
            case "replace":
                parent[key] = copy.deepcopy(draw(values))
            case "graft":
                parent[key] = copy.deepcopy(at(value, draw(st.sampled_from(places(value)))))
            case "remove":
                del parent[key]
            case "add" if isinstance(parent, dict):
                parent[draw(texts)] = copy.deepcopy(draw(values))
            case "add":
                parent.insert(key, copy.deepcopy(draw(values)))
            case "wrap":
                parent[key] = draw(st.sampled_from(([parent[key]], {"x": parent[key]}, deep(40))))
            case "spoil" if isinstance(parent[key], str):
                parent[key] = draw(spoiled([parent[key]]))
    return value


@st.composite
def spoiled(draw: Draw, examples: Sequence[str]) -> str:
    """One of the example texts, with some of its lines, words and characters changed."""
    text: str = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(0, 4))):
        lines = text.split("\n")
        number = draw(st.integers(0, len(lines) - 1))
        words = lines[number].split(" ")
        place = draw(st.integers(0, len(words) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 9)):
            case 0:
                words[place] = draw(texts)
            case 1:
                words[place] += draw(texts)
            case 2:
                del words[place]
            case 3:
                words[place] = draw(st.sampled_from(lines[other].split(" ")))
            case 4:
                words.insert(place, draw(texts))
            case 5:
                words = lines[other].split(" ")
            case 6:
                words = [*words[:place], "\n", *words[place:]]
            case 7:
                words = words * draw(st.integers(2, 50))
            case 8:
                cut = draw(st.integers(0, len(words[place])))
                words[place] = words[place][:cut] + draw(texts) + words[place][cut + 1 :]
            case 9:
                lines = lines[: number + 1]
        lines[number] = " ".join(words)
        text = "\n".join(lines)
    return text


def document(value: Json) -> str:
    """A value as JSON text, as Python writes it: with NaN, and with escapes for what is no text."""
    return json.dumps(value)


def documents(examples: Sequence[Json]) -> st.SearchStrategy[str]:
    """JSON texts: changed values, and texts of the examples that are broken as texts."""
    whole = [document(each) for each in examples]
    values = changed(examples).map(document)
    return st.one_of(values, values, spoiled(whole), st.sampled_from(BROKEN))
