"""Which plugins a stack needs, how they are got, and in which home Pulumi finds them."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dev.setup import gobuild, paths, plugins
from dev.setup.engine import Choice
from dev.setup.plugins import COMMAND, Plugin
from dev.setup.tools import PULUMI, Found, Machine
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.targets import registry
from tests.setup.conftest import OPENSTACK, PROXMOX, install, program

BOTH = (COMMAND, OPENSTACK)
ON_PATH = Found(PULUMI, Path("/usr/bin/pulumi"), "3.260.0")


def own_build() -> Found:
    return Found(PULUMI, gobuild.engine() / "bin" / "pulumi", "3.259.0")


def unasked() -> bool:
    pytest.fail("the site is not to be asked")


def build(parts: Sequence[gobuild.Part], _machine: Machine | None = None) -> None:
    """Put down what a build leaves."""
    for part in parts:
        file = gobuild.engine() / part.program
        program(file.parent, file.name, "")
        mark = gobuild.engine() / "stamps" / part.name
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(gobuild.stamp(part))


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of the stack `cloud`."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return tmp_path / "Pulumi.cloud.yaml"


@pytest.mark.parametrize(
    "line",
    [
        "  flakeship:target: openstack",
        '  "flakeship:target": "openstack"  # a cloud',
        "  flakeship:target : 'openstack'",
    ],
)
def test_a_stack_in_a_cloud_needs_the_clouds_plugin(stack: Path, line: str) -> None:
    stack.write_text(f"config:\n  flakeship:host: web\n{line}\n")
    assert plugins.needed("cloud") == BOTH
    assert plugins.needed("organization/flakeship/cloud") == BOTH
    assert plugins.needed("dev") == (COMMAND,)


@pytest.mark.parametrize(
    "line",
    ["  flakeship:target: local", "  # flakeship:target: openstack", "  other:target: openstack"],
)
def test_a_local_stack_never_pays_for_the_clouds_plugin(stack: Path, line: str) -> None:
    stack.write_text(f"config:\n{line}\n")
    assert plugins.needed("cloud") == (COMMAND,)


def test_a_plugin_may_be_asked_for_by_name() -> None:
    assert plugins.needed("dev", ["openstack"]) == BOTH
    with pytest.raises(FlakeshipError) as raised:
        plugins.needed("dev", ["openstck"])
    assert (raised.value.code, raised.value.given) == ("plugin-unknown", "openstck")
    assert "openstack" in raised.value.allowed


def test_a_plugin_is_asked_for_by_the_name_of_its_target() -> None:
    assert plugins.needed("dev", ["proxmox", "openstack"]) == (COMMAND, PROXMOX, OPENSTACK)
    assert PROXMOX not in plugins.needed("dev")
    assert plugins.wanted_by(PROXMOX) == "proxmox"
    with pytest.raises(FlakeshipError):
        plugins.needed("dev", [PROXMOX.name])


def test_a_built_plugin_stays_in_use_and_is_never_built_again_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([COMMAND.part, OPENSTACK.part])
    assert plugins.needed("dev") == BOTH
    monkeypatch.setattr(gobuild, "SOURCES", tmp_path)
    (tmp_path / "openstack").mkdir()
    (tmp_path / "openstack" / "main.go").write_text("package main")
    assert plugins.needed("dev") == (COMMAND,)


def test_the_specs_are_imported_again_when_one_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "flakeship/targets/openstack/spec.py"
    spec.parent.mkdir(parents=True)
    spec.write_text("first")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert plugins.declared()["openstack"] == (OPENSTACK,)
    assert plugins.declared()["local"] == ()
    monkeypatch.setattr(registry, "names", lambda: ["local"])
    assert "openstack" in plugins.declared()
    spec.write_text("second")
    assert plugins.declared() == {"local": ()}


def test_before_the_python_packages_are_installed_nothing_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "flakeship.targets.registry", None)
    monkeypatch.delattr("flakeship.targets.registry")
    assert plugins.needed("dev") == (COMMAND,)


@pytest.mark.parametrize(
    ("missing", "unbuilt", "own", "answers", "kind"),
    [
        ([], BOTH, False, False, "present"),
        (BOTH, [], False, False, "present"),
        ([OPENSTACK], BOTH, False, True, "installer"),
        ([OPENSTACK], BOTH, False, False, "build"),
        ([], [], True, False, "present"),
        ([], [OPENSTACK], True, True, "build"),
    ],
)
def test_the_way_to_plugins(
    missing: list[Plugin], unbuilt: list[Plugin], own: bool, answers: bool, kind: str
) -> None:
    assert plugins.choose_plugins(missing, unbuilt, own, lambda: answers).kind == kind


def test_the_way_says_why() -> None:
    choice = plugins.choose_plugins([OPENSTACK], BOTH, False, lambda: False)
    assert choice == Choice(
        "build", "Pulumi has no resource-openstack-v5.5.1 and get.pulumi.com does not answer"
    )


def test_pulumi_installs_what_is_missing_into_the_users_home(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(gobuild.engine() / "home"))
    install(COMMAND)
    asked: list[tuple[list[str], str]] = []

    def run(argv: list[str | Path], env: dict[str, str], timeout: float) -> None:
        assert timeout
        asked.append((list(map(str, argv)), env["PULUMI_HOME"]))

    monkeypatch.setattr(plugins, "run", run)
    plugins.ensure(ON_PATH, BOTH, machine, lambda: True)
    words = ["/usr/bin/pulumi", "plugin", "install", "resource", "openstack", "5.5.1"]
    assert asked == [(words, str(home / ".pulumi"))]


def test_a_plugin_of_others_is_installed_from_where_its_sdk_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(COMMAND)
    asked: list[list[str | Path]] = []
    monkeypatch.setattr(plugins, "run", lambda argv, **_options: asked.append(argv))
    plugins.ensure(ON_PATH, [COMMAND, PROXMOX], machine, lambda: True)
    (words,) = asked
    plugin = ["resource", "proxmoxve", "8.3.0", "--server", about(PROXMOX)["server"]]
    assert words[1:] == ["plugin", "install", *plugin]


def test_where_pulumi_cannot_install_all_are_built_into_one_home(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise CommandError("no route to github.com")

    install(COMMAND)
    monkeypatch.setattr(plugins, "run", fail)
    monkeypatch.setattr(gobuild, "build", build)
    plugins.ensure(ON_PATH, BOTH, machine, lambda: True)
    assert all(plugin.is_built() for plugin in BOTH)
    assert plugins.home_for(ON_PATH, BOTH) == gobuild.engine() / "home"
    assert (
        "plugin openstack 5.5.1: from Go modules, because `pulumi plugin install` failed: "
        "no route to github.com" in capsys.readouterr().err
    )


def test_a_plugin_without_a_stand_in_names_its_command(machine: Machine) -> None:
    proxmox = Plugin("proxmox", "1.0.0")
    with pytest.raises(FlakeshipError) as raised:
        plugins.ensure(ON_PATH, [proxmox], machine, lambda: False)
    assert raised.value.code == "plugin-missing"
    assert "pulumi plugin install resource proxmox 1.0.0" in raised.value.remedy


def test_beside_our_own_engine_only_what_is_wanted_is_built(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gobuild, "build", build)
    plugins.ensure(own_build(), [COMMAND], machine, unasked)
    assert COMMAND.is_built()
    assert not OPENSTACK.is_built()


def test_the_home_is_the_users_only_where_all_plugins_are_there() -> None:
    install(COMMAND)
    assert plugins.home_for(ON_PATH, [COMMAND]) is None
    assert plugins.home_for(ON_PATH, BOTH) == gobuild.engine() / "home"
    assert plugins.home_for(own_build(), [COMMAND]) == gobuild.engine() / "home"


def sdk(plugin: Plugin) -> Path:
    """The folder of its SDK."""
    packages = (paths.ROOT / ".venv/lib").glob(f"python3*/site-packages/pulumi_{plugin.name}")
    (found,) = packages
    return found


def about(plugin: Plugin) -> dict[str, str]:
    """What its SDK asks Pulumi for."""
    said: dict[str, str] = json.loads((sdk(plugin) / "pulumi-plugin.json").read_text())
    return said


@pytest.mark.parametrize("plugin", [OPENSTACK, PROXMOX], ids=lambda plugin: plugin.name)
def test_a_targets_plugin_is_what_its_sdk_asks_for(plugin: Plugin) -> None:
    said = about(plugin)
    assert Plugin(said["name"], said["version"], said.get("server", "")) == plugin
    main = (gobuild.SOURCES / plugin.name / "main.go").read_text()
    assert re.search(rf'\bversion += "{re.escape(plugin.version)}"$', main, re.MULTILINE)


def test_the_clouds_plugin_has_only_types_of_its_sdk() -> None:
    main = (gobuild.SOURCES / "openstack" / "main.go").read_text()
    places = re.findall(r'"_?\w+":\s+"(\w+)/(\w+)",', main)
    assert len(places) > 20
    for module, name in places:
        token = f"openstack:{module}/{name[0].lower()}{name[1:]}:{name}"
        files = (sdk(OPENSTACK) / module).glob("*.py")
        assert any(f"'{token}'" in file.read_text() for file in files), token


def test_the_plugin_of_proxmox_has_only_types_of_its_sdk() -> None:
    main = (gobuild.SOURCES / "proxmoxve" / "main.go").read_text()
    classes = re.findall(r'^\t"\w+":\s+"(\w+)",$', main, re.MULTILINE)
    assert {"FileLegacy", "VmLegacy"} <= set(classes)
    for name in classes:
        token = f"proxmoxve:index/{name[0].lower()}{name[1:]}:{name}"
        files = sdk(PROXMOX).glob("*.py")
        assert any(f"'{token}'" in file.read_text() for file in files), token
