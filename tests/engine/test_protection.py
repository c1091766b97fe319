"""`flakeship:protect` with the real engine: what is stable stays until that is lifted."""

from __future__ import annotations

from tests.engine.conftest import FakeStack


def protected(stack: FakeStack) -> set[str]:
    resources = stack.state().get("resources", [])
    return {each["urn"].split("::", 2)[-1] for each in resources if each.get("protect")}


def test_what_is_stable_is_protected(stack: FakeStack) -> None:
    stack.config("protect", "true")
    stack.up()
    cutover = "flakeship:fake:Cutover::web"
    assert protected(stack) == {cutover}
    first = stack.running()
    stack.write("two")
    named = f"Command image-{first}, Image {first}, Cutover web"
    assert f"protected against removal: {named}" in stack.preview()
    stack.up()
    assert {each.rpartition(":")[2] for each in protected(stack)} == {
        "web",
        first,
        f"image-{first}",
    }

    before = stack.resources()
    # in its preview: without one Pulumi removes what nothing protected depends on
    refused = stack.pulumi("destroy", "--yes", check=False)
    assert refused.code != 0
    assert "protected" in refused.stdout + refused.stderr
    assert stack.resources() == before
    told = stack.flakeship("sweep", "--before-destroy")
    assert told.code == 1
    assert "Cutover web" in told.stderr
    assert "pulumi state unprotect 'urn:" in told.stderr

    stack.config("protect", "false")
    stack.up()
    assert protected(stack) == set()
    assert stack.flakeship("sweep", "--before-destroy").code == 0
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.state().get("resources", []) == []


def test_a_run_that_would_remove_what_is_protected_changes_nothing(stack: FakeStack) -> None:
    stack.config("protect", "true")
    stack.up()
    stack.up()
    first, before = stack.running(), stack.resources()
    stack.write("two")
    stack.config("standbyReleases", "0")
    stack.config("retainReleases", "1")
    for protect in ("true", "false"):
        stack.config("protect", protect)
        refused = stack.pulumi("up", "--yes", "--skip-preview", check=False)
        assert refused.code != 0
        assert "protected resources would be removed" in refused.stdout + refused.stderr
        assert stack.resources() == before

    resources = stack.state()["resources"]
    for urn in [each["urn"] for each in resources if each.get("protect") and first in each["urn"]]:
        assert f"pulumi state unprotect '{urn}'" in refused.stdout + refused.stderr
        stack.pulumi("state", "unprotect", "--yes", urn)
    stack.up()
    assert stack.running() != first
    assert protected(stack) == set()
