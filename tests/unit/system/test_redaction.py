"""No password of a URL is shown, however it is written, and what is no password stays."""

from __future__ import annotations

import pytest

from flakeship.system.redaction import redacted


@pytest.mark.parametrize(
    "user",
    [
        "me:hunter2",
        "hunter2",
        "me:hun@ter2",
        "me:hun/ter2",
        "m@e:hun/t@r:2",
        "hunter2@x",
        "me:hun://x",
    ],
)
def test_up_to_the_last_sign_of_a_user_nothing_is_shown(user: str) -> None:
    url, shown = f"postgres://{user}@db:5432/state?a=b", "postgres://…@db:5432/state?a=b"
    for text in ("{}", "open {}: refused", 'open "{}": refused', "--to='{}'", "a {} and {}"):
        assert redacted(text.replace("{}", url)) == text.replace("{}", shown)


@pytest.mark.parametrize("text", ["{}", 'open "{}": refused', "nix copy --to '{}' /x"])
def test_a_password_may_have_blanks(text: str) -> None:
    given = text.replace("{}", "postgres://me:hun ter2@db/state")
    assert redacted(given) == text.replace("{}", "postgres://…@db/state")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fetch https://me:hunter…", "fetch https://…@"),
        ("https://hunter…", "https://…@"),
        ("https://me:hunter/2/…", "https://…@"),
        ("s3://b?endpoint=https://me:hunter2@h", "s3://b?endpoint=https://…@h"),
        ("https://hunter2@h/x@y", "https://…@y"),
    ],
)
def test_what_was_cut_or_is_in_another(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example.org/@scope/x.tgz",
        "https://h:8080/x was refused; ask me@h.example",
        "s3://states?endpoint=https://s3.example.com:9000&region=x",
        "nix copy 'https://h/x' me@h",
        "postgres://…@db/state",
        "ssh://[2001:db8::1]:22/x",
        "github:o/r me@h https://h/long/path…",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert redacted(f"open {text}") == f"open {text}"
