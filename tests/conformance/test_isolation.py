"""The seam around every target: who may import it. The targets are found, not listed."""

from __future__ import annotations

from collections.abc import Mapping

import grimp
import pytest

from flakeship.targets import registry

Imports = Mapping[str, set[str]]
"""The modules that a module imports, lazily or not."""


def real() -> Imports:
    graph = grimp.build_graph("flakeship", "components", cache_dir=None)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def strangers(imports: Imports, target: str) -> list[str]:
    """Imports of a target's modules by others than itself: the registry finds it by its folder."""
    own = f"flakeship.targets.{target}", f"components.{target}"
    return [
        f"{importer} -> {imported}"
        for importer, found in imports.items()
        if not any(within(importer, package) for package in own)
        for imported in sorted(found)
        if any(within(imported, package) for package in own)
    ]


@pytest.fixture(scope="module")
def imports() -> Imports:
    return real()


@pytest.mark.parametrize("target", registry.names())
def test_only_a_target_imports_itself(imports: Imports, target: str) -> None:
    assert strangers(imports, target) == []


@pytest.mark.parametrize("target", registry.names())
def test_a_target_is_there_as_a_whole(imports: Imports, target: str) -> None:
    for module in ("spec", "resource_types", "operate"):
        assert f"flakeship.targets.{target}.{module}" in imports
    assert f"components.{target}.graph" in imports


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("flakeship.operate.status", "flakeship.targets.local.orphans"),
        ("flakeship.targets.openstack.plan", "flakeship.targets.local"),
        ("flakeship.config.settings", "flakeship.targets.local.spec"),
        ("components.openstack.graph", "components.local.server"),
        ("components.stack", "components.local.graph"),
    ],
)
def test_an_import_across_the_seam_is_found(importer: str, imported: str) -> None:
    assert strangers({importer: {imported}}, "local") == [f"{importer} -> {imported}"]


def test_a_targets_own_imports_are_its_own() -> None:
    own = {
        "components.local.graph": {"flakeship.targets.local.plan"},
        "flakeship.targets.local.spec": {"flakeship.targets.local.commands"},
    }
    assert strangers(own, "local") == []
