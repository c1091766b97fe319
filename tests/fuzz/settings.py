"""Settings of a stack, as Pulumi hands them over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from flakeship.config import settings
from flakeship.config.server import TARGET
from flakeship.targets import registry
from tests.fuzz.schemas import fitting
from tests.fuzz.subject import Files, Subject
from tests.fuzz.values import Json, changed, documents, texts
from tests.unit.verify.machines import ED25519

PLACE: Files = {"nix/appliance/flake.nix": b"", "key": b"", "userdata": b"#cloud-config\n"}
KNOWN = {"flake": "./nix/appliance", "host": "appliance", "name": "web", "identity": "key"}

WEB = {
    "name": "web",
    "vcpus": 2,
    "memory": "1G",
    "disk": 4096,
    "ports": [{"port": 80, "protocol": "http"}, 443, {"port": 53, "protocol": "udp"}],
    "checks": [
        {
            "name": "page",
            "http": 80,
            "path": "/x",
            "status": 204,
            "contains": "hello",
            "timeout": 5,
        },
        {"name": "up", "run": "systemctl is-active nginx"},
        {"name": "tls", "tcp": 443, "send": "x", "contains": "y"},
    ],
}
DISKS = {
    "dataDisks": {"pg": "2G"},
    "ports": [{"port": 5432, "needsData": True, "hostPort": 15432}],
    "checks": [{"name": "db", "run": "pg_isready", "needsData": True}],
}
CLOUD = {
    "cloud": "prod",
    "network": {"cidr": "10.20.0.0/24", "ipv6": "fd00::/64", "dns": ["9.9.9.9"]},
    "pool": "public",
    "access": "bastion",
    "bastion": {
        "address": "2001:db8::7",
        "port": 2222,
        "user": "alice",
        "hostKey": ED25519,
        "identity": "key",
    },
    "placement": "anti-affinity",
    "prices": {"m1.small": 1.5},
    "bootConcurrency": 2,
}
VM = {
    "flavor": {"include": ["m1.*"], "extraSpecs": {"hw:cpu": "*"}},
    "userData": "#cloud-config\n",
    "metadata": {"role": "web"},
    "keypair": "me",
    "address": "203.0.113.7",
    "volume": True,
}
CLUSTER = {
    "endpoint": "https://pve1.example.com:8006",
    "fingerprint": ":".join(["AB"] * 32),
    "nodes": ["pve1", "pve2"],
    "storage": {"images": "local", "disks": "local-zfs"},
    "vmIds": "9000-9099",
    "abandonedIds": [9050],
    "pool": "iac",
    "bridge": "vmbr1",
    "vlan": 12,
    "clone": "full",
    "cpu": "host",
}
CLONE = {
    "node": "pve1",
    "bridge": "vmbr2",
    "vlan": 0,
    "cpu": "x86-64-v3",
    "addresses": ["192.0.2.10/24", "192.0.2.11/24"],
    "gateway": "192.0.2.1",
    "dnsServers": ["192.0.2.53"],
    "searchDomain": "example.com",
    "serviceAddress": "192.0.2.20/24",
    "bootOrder": ["network", "disk"],
    "startOnBoot": False,
    "ha": True,
    "haGroup": "all",
}
STACK = {
    "flake": "./nix/appliance",
    "host": "appliance",
    "retainReleases": "5",
    "bootTimeout": "120",
    "authorizedKeys": ["ssh-ed25519 AAAA"],
    "identity": "key",
}
EXAMPLES: Mapping[str, list[Json]] = {
    "local": [{**STACK, "servers": [WEB, {"name": "db", **DISKS}]}],
    "openstack": [
        {**STACK, "openstack": CLOUD, "servers": [{**WEB, "openstack": VM}]},
        {**STACK, "openstack": {"testServer": {"ephemeral": True, "ports": [80]}}, "servers": []},
    ],
    "proxmox": [{**STACK, "proxmox": CLUSTER, "servers": [{**WEB, "proxmox": CLONE}]}],
    "fake": [{**STACK, "fake": {"zone": "b"}, "servers": [{**WEB, "fake": {"bootSeconds": 0}}]}],
}


def subjects() -> list[Subject]:
    """One for each target."""
    return [
        Subject(f"settings {target}", inputs(target), read, lambda _: PLACE)
        for target in registry.names()
    ]


def inputs(target: str) -> st.SearchStrategy[dict[str, str]]:
    """The texts by key: changed examples, and what the schema of the settings tells."""
    spec = registry.spec(target)
    model = settings.Settings[spec.settings, spec.server]  # type: ignore[name-defined]
    schema = json.loads(json.dumps(model.model_json_schema()).replace(TARGET, target))
    examples = [each | {"target": target} for each in EXAMPLES.get(target, EXAMPLES["local"])]
    shaped = fitting(schema, KNOWN | {"target": target})
    one = st.tuples(st.sampled_from(examples), st.sampled_from([*examples[0], "servers", target]))
    return st.one_of(
        st.one_of(changed(examples), shaped).map(stored),
        st.builds(
            lambda pair, text: stored(pair[0]) | {f"flakeship:{pair[1]}": text},
            one,
            st.one_of(documents([examples[0]["servers"]]), texts),
        ),
    )


def stored(given: Json) -> dict[str, str]:
    """Settings as Pulumi has them: texts, and everything else as JSON."""
    if not isinstance(given, dict):
        return {}
    return {
        f"flakeship:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in given.items()
    }


def read(config: dict[str, str]) -> None:
    """Read settings; what is accepted is the same when it is written and read again."""
    found, _ = settings.read(config, registry.spec, registry.names())
    again, _ = settings.read(stored(written(found)), registry.spec, registry.names())
    assert again == found
    assert all(instance.shape for instance in found.instances)
    assert found.hosts


def written(found: settings.AnySettings) -> Json:
    """Settings as a user writes them."""
    plain: Any = found.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = json.dumps(plain).replace(json.dumps(TARGET), json.dumps(found.target))
    return json.loads(text)
