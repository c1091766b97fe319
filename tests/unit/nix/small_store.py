"""Derivations made up for tests, in the forms in which Nix prints them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from flakeship.model.release import Release
from flakeship.nix.diff.graph import STORE_PATH, Graph, base_name, parse
from tests.unit.model.test_ledger import release


@dataclass
class SmallStore:
    """Collects derivations; what one needs is what its environment names."""

    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, /, *, fixed: bool = False, **attributes: Any) -> str:
        """One derivation, by its output's path. Its attributes are structured if one is no text."""
        digest = hashlib.sha256(json.dumps([name, attributes]).encode()).hexdigest()
        out = f"/nix/store/{digest[:32]}-{name}"
        structured = not all(isinstance(each, str) for each in attributes.values())
        paths = [f"/nix/store/{p}" for p in STORE_PATH.findall(json.dumps(attributes))]
        drv = f"/nix/store/{digest[32:]}-{name}.drv"
        self.outputs[out] = drv
        self.made[drv] = {
            "name": name,
            "outputs": {"out": {"path": out} | ({"hash": "x"} if fixed else {})},
            "inputSrcs": [path for path in paths if path not in self.outputs],
            "inputDrvs": {
                self.outputs[path]: {"outputs": ["out"], "dynamicOutputs": {}}
                for path in paths
                if path in self.outputs
            },
            "env": {"__json": json.dumps(attributes), "out": out}
            if structured
            else {**attributes, "out": out},
        }
        return out

    def package(self, name: str, version: str, **attributes: Any) -> str:
        """A package, as nixpkgs' are."""
        return self.add(f"{name}-{version}", pname=name, version=version, **attributes)

    def file(self, name: str, text: str, **attributes: Any) -> str:
        """A text in a file, as nixpkgs' writers make it."""
        return self.add(name, text=text, passAsFile="text", buildCommand="mv it", **attributes)

    def unit(self, name: str, text: str, **attributes: Any) -> str:
        """A unit as NixOS writes it."""
        command = f'name={name}\nmkdir -p "$out"\nmv "$textPath" "$out/$name"\n'
        dashed = f"unit-{name.replace('@', '-')}"
        return self.add(
            dashed,
            text=text,
            passAsFile="buildCommand text",
            buildCommand=command,
            **attributes,
        )

    def system(
        self,
        *,
        packages: tuple[str, ...] = (),
        kernel: str = "",
        initrd: str = "",
        modules: str = "",
        parameters: tuple[str, ...] = ("quiet",),
        units: tuple[str, ...] = (),
        user: tuple[str, ...] = (),
        etc: dict[str, str] | None = None,
        **image: Any,
    ) -> Release:
        """A release of NixOS' shape. `etc` has paths in the store by target; `image` its builder's.

        What is not given is the same in every system.
        """
        kernel = kernel or self.package("linux", "6.18.37")
        initrd = initrd or self.add("initrd-linux-6.18.37", contents="init")
        modules = modules or self.add("linux-6.18.37-modules", kernel=kernel)
        links = {
            "systemd/system": self.directory("system-units", units),
            "systemd/user": self.directory("user-units", user),
            **(etc or {}),
        }
        entries = "".join(f"makeEtcEntry {path} {to} symlink +0 +0\n" for to, path in links.items())
        etc_ = self.add("etc", buildCommand=f"set -e\n{entries}")
        sw = self.add("system-path", chosenOutputs=[{"paths": [*packages]}], buildCommand="perl")
        command = (
            f"mkdir $out\nln -s {etc_}/etc $out/etc\nln -s {sw} $out/sw\n"
            f"ln -s {kernel}/bzImage $out/kernel\nln -s {modules} $out/kernel-modules\n"
            f"ln -s {initrd}/initrd $out/initrd\n"
        )
        toplevel = self.add("nixos-system", buildCommand=command, kernelParams=[*parameters])
        return self.release(toplevel, **image)

    def release(self, toplevel: str, **image: Any) -> Release:
        """A release of an image that holds this system."""
        out = self.add("image", toplevel=toplevel, **image)
        made = {**vars(release(1)), "drv": self.outputs[out], "out": out, "toplevel": toplevel}
        return Release(**made)

    def directory(self, name: str, units: tuple[str, ...]) -> str:
        """NixOS' directory of units."""
        return self.add(name, buildCommand="".join(f"ln -fs {unit}/* $out/\n" for unit in units))

    def shown(self) -> str:
        """As `nix derivation show` prints it until Nix 2.31."""
        return json.dumps(self.made)

    def newest(self) -> str:
        """The same in format 4."""
        derivations = {}
        for drv, each in self.made.items():
            env = dict(each["env"])
            new = {"name": each["name"], "version": 4, "env": env}
            if "__json" in env:
                new["structuredAttrs"] = json.loads(env.pop("__json"))
            new["outputs"] = {"out": {"path": base_name(each["outputs"]["out"]["path"])}}
            if "hash" in each["outputs"]["out"]:  # its path follows from the hash
                new["outputs"] = {"out": {"hash": "x", "method": "flat"}}
            new["inputs"] = {
                "drvs": {base_name(path): need for path, need in each["inputDrvs"].items()},
                "srcs": [base_name(path) for path in each["inputSrcs"]],
            }
            derivations[base_name(drv)] = new
        return json.dumps({"derivations": derivations, "version": 4})

    def graph(self) -> Graph:
        """What Nix says of all of it."""
        return parse(self.shown())
