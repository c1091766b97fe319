"""What Flakeship reads back from .state, where a crash, a person or a repository may have been."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from flakeship.config import settings
from flakeship.ssh import keys
from flakeship.state import locks, passphrase
from flakeship.state.stack import Stack
from flakeship.targets import registry
from flakeship.targets.fake import cloud
from flakeship.targets.local import inspect, machine_state, ssh_config
from flakeship.targets.local.stack_files import StackFiles
from tests.fuzz.settings import KNOWN
from tests.fuzz.stacks import WRITTEN
from tests.fuzz.subject import Files, Subject
from tests.fuzz.values import NASTY, changed, document, spoiled
from tests.unit.verify.machines import ED25519, OTHER, block

ID, OLD = "web-33333333-abcd", "web-22222222-abcd"
RECORD = {
    "id": ID,
    "boot": 2,
    "accelerator": "kvm",
    "ports": {"22": 40022, "80": 40080},
    "workstation": "",
}
CLOUD = {
    "objects": {
        "machine-1": {
            "kind": "machine",
            "id": "machine-1",
            "name": "web",
            "tags": {"flakeship_stack": "dev", "flakeship_name": "web"},
            "created": "2026-07-01T12:00:00Z",
            "uses": "image-1",
            "status": "running",
        }
    },
    "last": 1,
}
LOCKED = ".state/backend/.pulumi/locks/organization/servers/dev/1.json"
LOCK = {
    "pid": 1,
    "username": "me",
    "hostname": socket.gethostname(),
    "timestamp": "2026-07-01T12:00:00.123456789Z",
}
HOST = ssh_config.SshHost("web", ID, 40022, "nixos", ".state/id_ed25519", (ED25519,))
CONFIG = "# Written by flakeship at each cutover.\n\n" + ssh_config.block(
    HOST, Path(".state/dev/ssh_config"), Path("/home/me")
)
FILES: dict[str, str] = {
    "nix/appliance/flake.nix": "",
    "Pulumi.yaml": "name: servers\n",
    ".state/checkout.id": "0123456789ab\n",  # made where it is missing
    f".state/dev/machines/{ID}/run.json": json.dumps(RECORD),
    f".state/dev/machines/{ID}/console.log": block(ED25519, OTHER),
    f".state/dev/machines/{OLD}/run.json": json.dumps(RECORD | {"id": OLD, "boot": 1}),
    f".state/dev/machines/{ID}/qemu.pid": "12345\n",
    ".state/dev/active/web": f"{ID}\n",
    ".state/dev/cutovers/web": "3\n",
    ".state/dev/ssh_config": CONFIG,
    ".state/dev/known_hosts": f"{ID} {ED25519}\n",
    ".state/dev/fake.json": json.dumps(CLOUD),
    ".state/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    ".state/id_ed25519.pub": f"{ED25519} flakeship\n",
    LOCKED: json.dumps(LOCK),
    "Pulumi.dev.yaml": "encryptionsalt: v1:abc=\nconfig:\n  flakeship:host: web\n",
}
SHAPED = {
    f".state/dev/machines/{ID}/run.json": changed([RECORD]).map(document),
    ".state/dev/fake.json": changed([CLOUD]).map(document),
    LOCKED: changed([LOCK]).map(document),
}
PUBLIC = {"PULUMI_CONFIG_PASSPHRASE": "public: x"}


def spec(target: str) -> Any:
    return registry.spec(target)


def local_settings() -> settings.AnySettings:
    given = KNOWN | {"servers": [{"name": "web"}]}
    return settings.validated(
        {k: given[k] for k in ("flake", "host", "servers")}, spec("local"), registry.names()
    )


def refuse_locks() -> None:
    env = {"PULUMI_BACKEND_URL": "file://.state/backend"}
    if found := locks.held("dev", env, Path.cwd()):
        raise locks.refusal("dev", found)


def stack(target: str) -> Stack:
    return Stack(
        "dev", next(w for w in WRITTEN if target in w["resources"][0]["outputs"]["servers"]["web"])
    )


READERS: dict[str, Callable[[], object]] = {
    "local inspection": lambda: inspect.inspect("dev", local_settings()),
    "local orphans": lambda: spec("local").operator(stack("local")).orphans(),
    "fake orphans": lambda: spec("fake").operator(stack("fake")).orphans(),
    "fake cloud": lambda: cloud.read("dev"),
    "record": lambda: machine_state.load(StackFiles("dev").machine(ID)),
    "ssh_config": lambda: ssh_config.hosts(StackFiles("dev").ssh_config),
    "moved": lambda: ssh_config.is_moved(StackFiles("dev").ssh_config),
    "generation": lambda: StackFiles("dev").last_generation("web"),
    "active": lambda: StackFiles("dev").active_machine("web"),
    "keys": lambda: keys.public_keys([".state/id_ed25519.pub"]),
    "locks": refuse_locks,
    "passphrase": lambda: passphrase.is_public(Path("Pulumi.dev.yaml"), PUBLIC),
}


@st.composite
def broken(draw: Any) -> tuple[str, dict[str, bytes | None]]:
    """A reader, and the files of which some are broken, directories, or strays."""
    files: dict[str, bytes | None] = {path: text.encode() for path, text in FILES.items()}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([each for each in FILES if each != ".state/checkout.id"]))
        match draw(st.integers(0, 7)):
            case 0:
                files[path] = None
            case 1:
                files[path] = b""
            case 2:
                files[path] = draw(st.binary(max_size=60))
            case 3:
                whole = FILES[path].encode()
                files[path] = whole[: draw(st.integers(0, len(whole)))]
            case 4 if path in SHAPED:
                files[path] = draw(SHAPED[path]).encode(errors="surrogatepass")
            case 5:
                name = draw(st.sampled_from([n for n in NASTY if fits(n)]))
                files[f"{path.rpartition('/')[0]}/{name}".lstrip("/")] = draw(
                    st.sampled_from((b"", b"x", None))
                )
            case _:
                text = draw(spoiled([FILES[path]]))
                files[path] = text.encode(errors="surrogatepass")
    return draw(st.sampled_from([*READERS])), files


def fits(name: str) -> bool:
    """Whether a text can be the name of a file."""
    return 0 < len(name) < 80 and name not in {".", ".."} and name.isprintable() and "/" not in name


def laid(given: tuple[str, Files]) -> Files:
    """The files without those that a directory's place is taken by."""
    files = given[1]
    taken = {path for path, content in files.items() if content is not None}
    return {
        path: content
        for path, content in files.items()
        if not any(str(parent) in taken for parent in Path(path).parents)
    }


def subjects() -> list[Subject]:
    """Every reader of .state."""
    return [Subject("state files", broken(), lambda given: READERS[given[0]](), laid)]
