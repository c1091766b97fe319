"""Which lines may be in authorized_keys of an image."""

from __future__ import annotations

import json

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix.known import KEY
from tests.project import ROOT

ED25519 = KEY.split()[1]
RSA = f"AAAAB3NzaC1yc2EAAAADAQAB{'Qx7+' * 170}Qw=="
PUBLIC = [
    KEY,
    f"ssh-ed25519 {ED25519}",
    f"ssh-ed25519  {ED25519}\tJörg's laptop, 2nd",
    f"ssh-rsa {RSA} me@example.org",
    f'from="192.0.2.0/24",no-pty ssh-ed25519 {ED25519}',
    f'command="echo ssh-rsa" ssh-ed25519 {ED25519} x',
    f"cert-authority ssh-rsa {RSA}",
    *(f"ecdsa-sha2-nistp{size} AAAAE2VjZHNhLXNo" for size in (256, 384, 521)),
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1l token",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNh",
]
OTHER = [
    "",
    "ssh-ed25519",
    ED25519,
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "ssh-foo AAAAC3NzaC1lZDI1NTE5",
    "ssh-ed25519 AAAA!!",
    "ssh-ed25519 AAAA",
    f"ssh-ed25519 {ED25519[:-1]}",
    f"ssh-ed25519 {ED25519}=",
    f"ssh-ed25519 B{ED25519}",
    "ssh-dss AAAAB3NzaC1kc3MA",
    f"ssh-ed25519{ED25519}",
    f"SSH-ED25519 {ED25519}",
    f"ssh-ed25519 {ED25519} \x1b]52;c;x\x07",
    f"ssh-ed25519 {ED25519} a\nssh-ed25519 {ED25519}",
    f"\x1b[2Jssh-ed25519 {ED25519}",
]


def test_what_is_a_public_key() -> None:
    text = json.dumps(json.dumps([*PUBLIC, *OTHER], ensure_ascii=False), ensure_ascii=False)
    expression = f"map (import {ROOT}/nix/lib/is-public-key.nix) (builtins.fromJSON {text})"
    found = json.loads(run([*NIX, "eval", "--impure", "--json", "--expr", expression]).stdout)
    assert [line for line, good in zip(PUBLIC, found, strict=False) if not good] == []
    taken = found[len(PUBLIC) :]
    assert [line for line, good in zip(OTHER, taken, strict=True) if good] == []
