"""The plugin, whichever way it came, has every class and argument that the target may use.

Its schema is compared with the SDK, and with the arguments by name: an SDK and a plugin that both
lose one are a change to know of.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
from typing import Any

import pulumi_proxmoxve
import pytest

Schema = dict[str, Any]
ARGUMENTS = {
    "Provider": """
        endpoint api_token insecure min_tls username password otp auth_ticket csrf_prevention_token
        tmp_dir random_vm_ids random_vm_id_start random_vm_id_end
    """,
    "Provider.ssh": """
        agent agent_socket agent_forwarding username password private_key node_address_source nodes
        socks5_server socks5_username socks5_password
    """,
    "Provider.ssh.nodes": "name address port",
    "FileLegacy": """
        node_name datastore_id content_type source_file source_raw overwrite timeout_upload
        upload_mode file_mode
    """,
    "FileLegacy.source_file": "path changed checksum file_name insecure min_tls",
    "FileLegacy.source_raw": "data file_name resize",
    "VmLegacy": """
        node_name vm_id name description tags pool_id template started on_boot protection
        stop_on_destroy purge_on_destroy delete_unreferenced_disks_on_destroy reboot
        reboot_after_update migrate bios machine scsi_hardware boot_orders operating_system agent
        clone cpu memory disks cdrom network_devices initialization efi_disk tpm_state
        serial_devices vga rngs hotplug startup kvm_arguments hook_script_file_id timeout_clone
        timeout_create timeout_migrate timeout_reboot timeout_shutdown_vm timeout_start_vm
        timeout_stop_vm
    """,
    "VmLegacy.operating_system": "type",
    "VmLegacy.agent": "enabled timeout trim type wait_for_ip",
    "VmLegacy.agent.wait_for_ip": "disabled ipv4 ipv6",
    "VmLegacy.clone": "vm_id full datastore_id node_name retries",
    "VmLegacy.cpu": """
        cores sockets type units limit flags numa hotplugged affinity architecture
    """,
    "VmLegacy.memory": "dedicated floating shared hugepages keep_hugepages",
    "VmLegacy.disks": """
        interface datastore_id import_from file_id size file_format discard cache aio iothread ssd
        backup replicate serial queues path_in_datastore speed
    """,
    "VmLegacy.cdrom": "file_id interface",
    "VmLegacy.network_devices": """
        bridge model mac_address vlan_id firewall mtu queues rate_limit trunks disconnected enabled
    """,
    "VmLegacy.initialization": """
        datastore_id interface type file_format upgrade dns ip_configs user_account
        user_data_file_id vendor_data_file_id network_data_file_id meta_data_file_id
    """,
    "VmLegacy.initialization.dns": "domain servers",
    "VmLegacy.initialization.ip_configs": "ipv4 ipv6",
    "VmLegacy.initialization.ip_configs.ipv4": "address gateway",
    "VmLegacy.initialization.ip_configs.ipv6": "address gateway",
    "VmLegacy.initialization.user_account": "username password keys",
    "VmLegacy.efi_disk": "datastore_id type pre_enrolled_keys file_format",
    "Haresource": "resource_id type comment group state max_relocate max_restart",
}
OUTPUTS = {
    "FileLegacy": "file_name file_size file_tag file_modification_date",
    "VmLegacy": "ipv4_addresses ipv6_addresses mac_addresses network_interface_names",
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    if not shutil.which("pulumi"):
        pytest.fail("pulumi is not on PATH: `make test-proxmox`")
    done = subprocess.run(
        ["pulumi", "package", "get-schema", "proxmoxve"],
        env={**os.environ, "PULUMI_CONFIG_PASSPHRASE": "test"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: Schema = json.loads(done.stdout)
    return found


def snake(name: str) -> str:
    """The name of a property in Python."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def resource(schema: Schema, name: str) -> Schema:
    """The description of a class of the SDK, by its token."""
    if name == "Provider":
        described: Schema = schema["provider"]
    else:
        described = schema["resources"][f"proxmoxve:index/{name[0].lower()}{name[1:]}:{name}"]
    return described


def nested(schema: Schema, of: Schema) -> Schema:
    """The properties of the object that a property holds, alone or in a list."""
    reference = of.get("items", of)["$ref"].removeprefix("#/types/")
    properties: Schema = schema["types"][reference]["properties"]
    return properties


@pytest.mark.parametrize("path", ARGUMENTS)
def test_every_argument_of_the_target_is_there(schema: Schema, path: str) -> None:
    name, *steps = path.split(".")
    found: Schema = resource(schema, name)["inputProperties"]
    for step in steps:
        found = nested(schema, {snake(key): value for key, value in found.items()}[step])
    assert set(ARGUMENTS[path].split()) <= set(map(snake, found))


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_of_the_target_is_there(schema: Schema, name: str) -> None:
    assert set(OUTPUTS[name].split()) <= set(map(snake, resource(schema, name)["properties"]))


@pytest.mark.parametrize("name", sorted({path.partition(".")[0] for path in ARGUMENTS}))
def test_the_sdk_was_generated_from_the_same_classes(schema: Schema, name: str) -> None:
    described = resource(schema, name)
    args = getattr(pulumi_proxmoxve, f"{name}Args")
    parameters = inspect.signature(args).parameters.values()
    assert {each.name for each in parameters} == set(map(snake, described["inputProperties"]))
    required = {each.name for each in parameters if each.default is inspect.Parameter.empty}
    assert required == set(map(snake, described.get("requiredInputs", ())))
