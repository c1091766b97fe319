"""Where the time of an update went: which step is of which phase, and no second counts twice."""

from __future__ import annotations

import pytest

from flakeship.rollout.phases import BEFORE, OTHERS, Step, phase, spent, told

COMMAND = "command:local:Command"


def step(name: str, begin: float, end: float, ssh: float = 0.0, token: str = COMMAND) -> Step:
    return Step(token, name, begin, end, ssh)


def verification(machine: str, begin: float, end: float, ssh: float = 0.0) -> Step:
    return step(machine, begin, end, ssh, "flakeship:openstack:Verification")


RELEASE = [
    step("image-web-1", 2.1, 14.1),
    step("web-1", 14.2, 17.3, token="flakeship:openstack:GlanceImage"),
    step("network-s", 3.0, 9.0, token="openstack:networking/network:Network"),
    step("server-web-1-a", 17.4, 27.7, token="openstack:compute/instance:Instance"),
    verification("web-1-a", 17.6, 36.0, 8.04),
    step("cutover-web", 36.0, 36.7, token="openstack:networking/floatingIpAssociate:X"),
]


@pytest.mark.parametrize(
    ("token", "name", "title"),
    [
        (COMMAND, "image-web-1", "build"),
        ("flakeship:openstack:GlanceImage", "web-1", "publish"),
        ("flakeship:fake:Image", "web-1", "publish"),
        ("flakeship:proxmox:Upload", "web-1-pve", "publish"),
        ("proxmoxve:index/vmLegacy:VmLegacy", "template-web-1-9000", "publish"),
        ("proxmoxve:index/vmLegacy:VmLegacy", "server-web-1-a", "server"),
        ("flakeship:proxmox:Ownership", "web-1-a", OTHERS),
        ("flakeship:openstack:ImageVisibility", "image-visibility", OTHERS),
        ("flakeship:local:Machine", "web-1-a", "server"),
        ("flakeship:local:DataDisk", "server-1.pg", OTHERS),
        ("openstack:compute/instance:Instance", "server-web-1-a", "server"),
        ("openstack:compute/servergroup:ServerGroup", "placement-web-1", OTHERS),
        ("flakeship:openstack:EphemeralVerification", "web-1-a", "verification"),
        ("flakeship:local:Cutover", "web", "cutover"),
        ("openstack:networking/port:Port", "port-web-1-a", OTHERS),
    ],
)
def test_a_resource_has_a_phase(token: str, name: str, title: str) -> None:
    assert phase(token, name) == title


def test_each_second_is_of_the_first_phase_that_it_was_needed_for() -> None:
    assert spent(RELEASE) == pytest.approx(
        {"build": 12.0, "publish": 3.1, "server": 10.3, "verification": 8.3, "cutover": 0.7}
    )


def test_two_servers_at_one_time_and_one_later() -> None:
    steps = [
        step("a", 1.0, 4.0, token="flakeship:local:Machine"),
        step("b", 2.0, 3.0, token="flakeship:local:Machine"),
        verification("a", 4.0, 6.0),
        step("c", 5.0, 7.5, token="flakeship:local:Machine"),
        verification("c", 7.5, 9.0),
    ]
    assert spent(steps) == pytest.approx({"server": 5.5, "verification": 2.5})


def test_others_count_where_nothing_else_went_on() -> None:
    network = step("network-s", 1.0, 3.0, token="openstack:networking/network:Network")
    assert spent([network, step("image-x", 2.0, 5.0)]) == pytest.approx({"build": 3.0, OTHERS: 1.0})
    assert OTHERS not in spent([network, step("image-x", 0.5, 5.0)])
    assert spent([network]) == pytest.approx({OTHERS: 2.0})


def test_the_lines_of_one_server() -> None:
    assert told(RELEASE).splitlines() == [
        "it took 36.7 s:",
        f"  {BEFORE}   2.1 s",
        "  build                      12.0 s",
        "  publish                     3.1 s",
        "  server                     10.3 s",
        "  verification                8.3 s  SSH answered after 8.0 s",
        "  cutover                     0.7 s",
    ]


def test_of_many_servers_the_slowest_is_named() -> None:
    steps = [
        step("server-web-1", 1.0, 4.0, token="openstack:compute/instance:Instance"),
        step("server-web-2", 1.0, 6.0, token="openstack:compute/instance:Instance"),
        verification("web-1", 4.0, 12.0, 6.5),
        verification("web-2", 6.0, 9.0, 2.0),
    ]
    assert [line.partition(" s  ")[2] for line in told(steps).splitlines()[2:]] == [
        "slowest of 2: web-2, 5.0 s",
        "slowest of 2: web-1, 8.0 s, SSH answered after 6.5 s",
    ]


def test_nothing_done_is_nothing_said() -> None:
    assert told([]) == ""
