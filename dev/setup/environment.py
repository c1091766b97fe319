"""The environment in which plain `pulumi` works: .state/env.sh, and a stack's own part of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.setup import paths, state
from dev.setup.plugins import Plugin, home_for
from dev.setup.tools import NIX, PULUMI, UV, Found, Machine, locate
from flakeship.state import choice
from flakeship.system import files

TRUSTED = "trusted.pem"


def variables(home: Path | None, chosen: state.Backend, env: Mapping[str, str]) -> dict[str, str]:
    """Set only what differs from Pulumi's defaults, and nothing that the user has set.

    UV_FROZEN: the language host runs `uv sync`, which would lock uv.lock anew for another index.
    """
    values = {"PULUMI_SKIP_UPDATE_CHECK": "true", "UV_FROZEN": "1"}
    if home:
        values["PULUMI_HOME"] = str(home)
        values["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        if not chosen.url and state.login(env):
            folder = env.get("PULUMI_CREDENTIALS_PATH") or str(state.user_home(env))
            values["PULUMI_CREDENTIALS_PATH"] = folder
    if chosen.url:
        values["PULUMI_BACKEND_URL"] = chosen.url
    return values


def stack_lines(stack: str, passphrase: Path | None) -> str:
    """Write a stack's own lines for a shell: what chooses it, and what decrypts it.

    `make` takes FLAKESHIP_STACK for STACK in this checkout alone. Pulumi prefers
    PULUMI_CONFIG_PASSPHRASE to the file, so it has to go where a file is right.
    """
    text = f"export FLAKESHIP_STACK={shlex.quote(stack)}\n" + trust_lines(stack)
    if passphrase:
        text += "unset PULUMI_CONFIG_PASSPHRASE\n"
        text += f"export PULUMI_CONFIG_PASSPHRASE_FILE={shlex.quote(str(passphrase))}\n"
        return text
    return text + without("PULUMI_CONFIG_PASSPHRASE_FILE", *state.PASSPHRASES)


def trust_lines(stack: str) -> str:
    """The line for what a plugin trusts beside the system's authorities, once a stack has that.

    A plugin that has no setting for it reads SSL_CERT_FILE (targets/proxmox/api/plugin_trust.py).
    """
    file = state.folder(stack) / TRUSTED
    place = shlex.quote(str(file))
    other = without("SSL_CERT_FILE", f"*/.state/stacks/*/{TRUSTED}")
    return f"if [ -s {place} ]; then export SSL_CERT_FILE={place}; else {other.strip()}; fi\n"


def without(name: str, *patterns: str) -> str:
    """The line that removes a variable with a value which another checkout's lines have set."""
    value = f"${{{name}-}}"
    return f'case "{value}" in {"|".join(patterns)}) unset {name};; esac\n'


def folders(found: list[Found]) -> list[Path]:
    """List the folders of the cache that belong on PATH."""
    return [tool.path.parent for tool in found if tool.ours and tool.path]


def lines(path: list[Path], values: Mapping[str, str]) -> str:
    """Write the lines for a shell; PATH first.

    What is in our virtual environment comes last: there is a client of OpenStack in it, and it must
    not stand before somebody's own python. That of another checkout goes, with its backend.
    """
    before = "".join(f"{shlex.quote(str(folder))}:" for folder in path)
    venv = ":${FLAKESHIP_CHECKOUT-}/.venv/bin"
    own = shlex.quote(str(paths.ROOT / ".venv" / "bin"))
    text = [f'export PATH={before}"${{PATH%"{venv}"}}":{own}\n']
    if "PULUMI_BACKEND_URL" not in values:
        text.append(without("PULUMI_BACKEND_URL", f"file://*{choice.BACKEND}"))
    exports = {"FLAKESHIP_CHECKOUT": str(paths.ROOT), **values}
    text += [f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()]
    return "".join(text)


def write(
    stack: str, machine: Machine, chosen: state.Backend, plugins: Sequence[Plugin]
) -> dict[str, str]:
    """Write .state/env.sh and a stack's part; return the environment for a child process."""
    found = [locate(tool, machine) for tool in (PULUMI, NIX, UV)]
    values, path = variables(home_for(found[0], plugins), chosen, os.environ), folders(found)
    files.write(paths.ENV_FILE, lines(path, values))
    passphrase = state.passphrase(stack, chosen, os.environ)
    files.write(state.folder(stack) / "env.sh", stack_lines(stack, passphrase))
    return os.environ | values | {"PATH": os.pathsep.join([*map(str, path), machine.path])}
