"""Bad weather before every service: what passes is waited out, and what ends a run is continued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud
from tests.targets.openstack.faults import Fault, Proxy, faulty


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with faulty() as made:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Iterator[CloudStack]:
    with stack_on_cloud(tmp_path_factory.mktemp("cloud")) as made:
        made.settings(WEB)
        yield replace(made, env={**made.env, **proxy.env})


def test_an_inspection_is_made_again(stack: CloudStack, proxy: Proxy) -> None:
    """Each list and the token fail once, in a way of its own."""
    proxy.faults[:] = [
        Fault("POST .*/auth/tokens", "503", times=1),
        Fault("GET .*/servers/detail", "cut", times=1),
        Fault("GET .*/flavors/detail", "half", times=1),
        Fault("GET .*/networks", "502", times=1),
        Fault("GET .*/images", "429", times=1, headers={"Retry-After": "1"}),
        Fault("GET .*/quotas", "500", times=1),
        Fault("GET .*/security-groups", "504", times=1),
    ]
    stack.preview()
    assert not [each.pattern for each in proxy.faults if each.times]


def test_a_first_run_in_bad_weather(stack: CloudStack, proxy: Proxy) -> None:
    """Every way to fail that changes nothing, at 8 % of all calls, and an upload that is cut."""
    proxy.faults[:] = [
        Fault("PUT .*/images/.*/file", "cut", times=1),
        Fault("POST .*/networks$", "503", times=1),
        Fault("POST .*/floatingips$", "lost", times=1),
        Fault("^(POST|PUT|DELETE)", "503", share=0.08),
        Fault("^(POST|PUT|DELETE)", "429", share=0.04, headers={"Retry-After": "1"}),
        Fault("^GET", "cut", share=0.08),
    ]
    done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    said = done.stdout + done.stderr
    assert len(proxy.failed) > 3
    assert "Traceback" not in said
    proxy.faults.clear()
    if done.code:
        stack.pulumi("cancel", "--yes", stack.stack, check=False)
        stack.up()
    assert "appliance" in stack.page()
    stack.preview("--expect-no-changes")


def test_a_preview_without_changes_makes_one_call_of_each_kind(
    stack: CloudStack, proxy: Proxy
) -> None:
    """The login and nine lists, and no call of the provider's."""
    proxy.faults.clear()
    proxy.calls.clear()
    stack.preview("--expect-no-changes")
    assert len(proxy.calls) == 10, proxy.calls
