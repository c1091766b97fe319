"""`flakeship report` in a real browser: it fits, it can be read by all, and it asks for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship.operate.report import render
from tests.browser.conftest import Opened
from tests.unit.operate.report.test_page import ALL, hostile, made

PHONE, DESKTOP = 390, 1280
TEXT = render.html(made(*ALL))
HOSTILE = render.html(made(hostile(), *ALL))
VIEWS = [
    pytest.param((text, width, scheme), id=f"{name}-{width}-{scheme}")
    for name, text in (("usual", TEXT), ("hostile", HOSTILE))
    for width in (PHONE, DESKTOP)
    for scheme in ("light", "dark")
]
ONE = pytest.mark.parametrize("opened", [(TEXT, PHONE, "light")], indirect=True)

# an element may be wider than the page where its own box scrolls
TOO_WIDE = """() => [...document.querySelectorAll('main *')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.right > innerWidth + 1 && !each.closest('.scroll') && box.width > 1;
}).map(each => each.outerHTML.slice(0, 200))"""
LOST = """() => [...document.querySelectorAll('a[href^="#"]')].filter(
  each => !document.getElementById(decodeURIComponent(each.hash.slice(1)))
).map(each => each.outerHTML)"""
BARS = """() => [...document.querySelectorAll('svg')].map(svg => {
  const all = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('rect, text')].filter(each => {
    const box = each.getBoundingClientRect();
    return box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1;
  }).length;
})"""


@pytest.mark.parametrize("opened", VIEWS, indirect=True)
def test_every_view(opened: Opened) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(LOST) == []
    assert page.evaluate(BARS) == [0] * page.locator("svg").count()
    found = axe.Axe().run(page).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert len(found["passes"]) > 20
    assert (opened.requests, opened.console) == ([], [])


@ONE
def test_it_is_read_by_keyboard(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert focused(page, "textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert focused(page, "id") == "main"
    for _ in range(300):
        page.keyboard.press("Tab")
        if focused(page, "tagName") == "SUMMARY":
            break
    seen = page.get_by_role("cell", name="seen").first
    assert not seen.is_visible()
    page.keyboard.press("Enter")
    assert seen.is_visible()


def focused(page: Any, what: str) -> str:
    return str(page.evaluate(f"document.activeElement.{what}"))


@ONE
def test_its_policy_runs_nothing(opened: Opened) -> None:
    """Were a text of a state ever to become an element, the browser would not run it."""
    page = opened.page
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'document.title = "it ran"';
          document.body.append(script);
          const image = document.createElement('img');
          image.src = 'http://192.0.2.1/x';
          document.body.append(image);
        }"""
    )
    assert page.title() == "Releases of servers"
    assert len([line for line in opened.console if "Content Security Policy" in line]) == 2


@ONE
def test_a_link_leads_to_its_release(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("link", name="web-22222222").first.click()
    assert page.evaluate("document.querySelector(':target').id") == "release-web-22222222"
    assert page.locator(":target").is_visible()


@ONE
def test_it_prints(opened: Opened) -> None:
    page = opened.page
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").is_visible()
    assert all(each.is_visible() for each in page.locator("#evidence td").all())
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 41)"
    assert page.pdf(format="A4").startswith(b"%PDF")
