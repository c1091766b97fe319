"""What a record keeps of a flake.lock, which is anybody's text."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from flakeship.model.flake import FlakeReference
from flakeship.model.locked_input import LockedInput
from flakeship.nix import lock

COMMIT, NAR = "c" * 40, f"sha256-{'A' * 43}="


def inputs(*nodes: dict[str, Any], flake: str = "./nix") -> list[LockedInput]:
    """Of a flake with the input `access`, and others in this order."""
    named = {f"input{number}": {"locked": node} for number, node in enumerate(nodes)}
    root = {"inputs": {"access": "access_2", **{name: name for name in named}}}
    keys = {"access_2": {"locked": {"type": "path", "path": "/home/me/access", "narHash": NAR}}}
    metadata = {
        "locked": {"type": "git", "url": "file:///home/me", "rev": COMMIT, "narHash": NAR},
        "locks": {"root": "top", "nodes": {"top": root, **keys, **named}},
    }
    own, *others = lock.inputs(metadata, FlakeReference.parse(flake), "access")
    assert (own.name, own.nar_hash, own.revision) == ("self", NAR, COMMIT)
    for each in (own, *others):
        assert TypeAdapter(LockedInput).validate_python(vars(each)) == each
        assert not any(word in str(each) for word in ("/home", "pass", "abc", "~me"))
    return [own, *others]


@pytest.mark.parametrize(
    ("locked", "reference"),
    [
        ({"type": "github", "owner": "a", "repo": "b", "rev": COMMIT}, f"github:a/b/{COMMIT}"),
        (
            {"type": "git", "url": "https://me:pass@x.org/r", "rev": COMMIT},
            f"git+https://***@x.org/r?rev={COMMIT}",
        ),
        (
            {"type": "git", "url": "https://x.org/r?dir=a&auth=abc&rev=1", "rev": COMMIT},
            f"git+https://x.org/r?dir=a&rev={COMMIT}",
        ),
        ({"type": "git", "url": "https://x.org/r", "dir": "a b"}, "git+https://x.org/r?dir=a%20b"),
        *(
            ({"type": "tarball", "url": f"https://x.org/a{query}"}, "https://x.org/a")
            for query in ("?token=abc", "?auth=abc", "?code=abc", "?rev=1?auth=abc", "#abc")
        ),
        ({"type": "tarball", "url": "https://x.org/a?x=1&ref=b"}, "https://x.org/a?ref=b"),
        ({"type": "file", "url": "https://x.org/a"}, "file+https://x.org/a"),
        (
            {"type": "gitlab", "owner": "a", "repo": "b", "rev": COMMIT, "host": "x.org:8443"},
            f"gitlab:a/b/{COMMIT}?host=x.org:8443",
        ),
        (
            {"type": "github", "owner": "a", "repo": "b", "rev": COMMIT, "dir": "sub"},
            f"github:a/b/{COMMIT}?dir=sub",
        ),
        ({"type": "gitlab", "owner": "a", "repo": "b", "rev": COMMIT, "host": "me:pass@x.org"}, ""),
        # no host: some would take `pass` for the password, and `w@x.org` for the host
        *(
            ({"type": "git", "url": f"https://me:pass{mark}w@x.org/r", "rev": COMMIT}, "")
            for mark in "/?#"
        ),
        (
            {"type": "git", "url": "https://me:p@ss@[2001:db8::1]:8443/@r", "rev": COMMIT},
            f"git+https://***@[2001:db8::1]:8443/@r?rev={COMMIT}",
        ),
        ({"type": "tarball", "url": "file:///home/me/a.tar"}, ""),
        ({"type": "tarball", "url": "tarball+file:///home/me/a.tar"}, ""),
        ({"type": "hg", "url": "FILE:///home/me/a", "rev": COMMIT}, ""),
        ({"type": "git", "url": "me@x.org:r", "rev": COMMIT}, ""),
        ({"type": "git", "url": "file:///home/me/a", "rev": COMMIT}, ""),
        ({"type": "git", "url": "/home/me/a", "rev": COMMIT}, ""),
        ({"type": "path", "path": "/home/me/a"}, ""),
        ({"type": "tarball", "url": "https://x.org/\x1b[2J"}, ""),
    ],
)
def test_the_reference_of_an_input(locked: dict[str, Any], reference: str) -> None:
    assert inputs({**locked, "narHash": NAR})[1].reference == reference


def test_what_is_no_hash_is_left_empty() -> None:
    _, found = inputs({"type": "github", "owner": "a", "repo": "b", "rev": 1, "narHash": "x"})
    assert (found.nar_hash, found.revision) == ("", "")


def test_a_directory_of_the_flake_itself_is_no_dependency() -> None:
    assert len(inputs({"type": "path", "path": "./module"})) == 1


@pytest.mark.parametrize(
    ("flake", "reference"),
    [
        ("./nix", "./nix"),
        ("github:a/b?dir=nix", "github:a/b?dir=nix"),
        ("./nix?dir=a", "./nix?dir=a"),
        ("git+https://me:pass@x.org/r", "git+https://***@x.org/r"),
        ("https://x.org/a.tar?auth=abc&rev=1&dir=nix", "https://x.org/a.tar?rev=1&dir=nix"),
        ("gitlab:a/b?host=x.org", "gitlab:a/b?host=x.org"),
        ("gitlab:a/b?host=me:pass@x.org", "gitlab:a/b"),
        ("/home/me/servers", ""),
        ("git+file:///home/me/servers?dir=nix", ""),
        ("git+file:///home/me/servers#web", ""),
        ("path:/home/me/servers#web", ""),
        ("hg+file:///home/me/servers", ""),
        ("tarball+file:///home/me/servers.tar", ""),
        ("file:///home/me/servers.tar", ""),
        ("~me/servers", ""),
    ],
)
def test_the_flake_is_named_as_in_the_settings_but_for_a_path_of_the_workstation(
    flake: str, reference: str
) -> None:
    assert inputs(flake=flake)[0].reference == reference
