"""What previews of a stack on a cluster show, from its first release to its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.proxmox.site import Site
from tests.previews import LifeOfPreviews, Previews
from tests.targets.proxmox.e2e import lab
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster

GOLDEN = Path(__file__).parent / "golden"
SITE = Site.from_environment()
pytestmark = pytest.mark.skipif(
    os.environ.get("PROXMOX_VE_ENDPOINT") != SITE.endpoint, reason="they show the lab's nodes"
)
STABLE = {**WEB, "proxmox": {"serviceAddress": f"{lab.address(60)}/24"}}
LARGER = {**WEB, "memory": "768M"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with stack_on_cluster(tmp_path_factory.mktemp("cluster")) as made:
        made.settings(WEB, retainReleases=2)
        yield made


@pytest.fixture(scope="module")
def previews(stack: ClusterStack) -> Previews:
    api = stack.api.login
    own = {
        stack.stack: "test",
        f":{SITE.port}": ":8006",
        SITE.release: "<pve>",
        api.user: "<token>",
    }
    return Previews(stack, GOLDEN, own)


class TestPreviews(LifeOfPreviews):
    """The rollback is to a server that still runs."""

    def test_changes_of_a_server(self, previews: Previews, stack: ClusterStack) -> None:
        previews.project.unset("release")
        stack.settings(LARGER, retainReleases=2)
        previews.compare("more-memory", "preview")
        stack.settings(STABLE, retainReleases=2)
        previews.compare("service-address", "preview")
        stack.settings({**WEB, "name": "api"}, retainReleases=2)
        previews.compare("server-removed", "preview")
