"""The whole way of a new household: set up, add a Kodi, continue, mark, undo, history; with and
without JavaScript.
"""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser.conftest import PATIENCE_MS, violations
from tests.conftest import PASSWORD
from tests.fakes.kodi import FakeKodi

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/history",
    "/library",
    "/library?kind=show",
    "/queue",
    "/sources",
    "/sources/new",
    "/sources/new?kind=kodi",
    "/sources/1",
    "/movies/1",
    "/shows/3",
    "/episodes/1",
    "/settings",
    "/nowhere",
)


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str):
    context = browser.new_context(
        base_url=site, java_script_enabled=request.param, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if is_wrong(said) else None)
    yield page
    context.close()
    assert errors == []


def is_wrong(said: ConsoleMessage) -> bool:
    """The browser complains; but a page that is not there is meant not to be there."""
    return said.type == "error" and not said.location["url"].endswith("/nowhere")


@pytest.fixture
def has_javascript(request: pytest.FixtureRequest) -> bool:
    return "with JavaScript" in request.node.callspec.id


def set_up(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def add_kodi(page: Page, kodi: FakeKodi) -> None:
    page.get_by_role("link", name="Kodi").click()
    page.get_by_label("Name", exact=True).fill("Living room")
    page.get_by_label("Address").fill(kodi.url)
    page.get_by_label("User name").fill(kodi.username)
    page.get_by_label("Password").fill(kodi.password)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text(re.compile("Kodi 20.1"))).to_be_visible()
    # Without JavaScript the answer is the same page; no password is ever sent back.
    page.get_by_label("Password").fill(kodi.password)
    page.get_by_role("button", name="Add and read its library").click()


def wait_until_pulled(page: Page, has_javascript: bool) -> None:
    done = page.get_by_text("8 titles")
    if not has_javascript:
        for _ in range(100):
            if done.count():
                break
            page.wait_for_timeout(300)
            page.goto("/sources")
    expect(done).to_be_visible()


def test_a_new_household(page, kodi, has_javascript):
    set_up(page)
    expect(page).to_have_url(re.compile("/sources/new"))
    add_kodi(page, kodi)
    wait_until_pulled(page, has_javascript)

    page.goto("/")
    expect(page.get_by_role("heading", name="Continue Watching")).to_be_visible()
    page.get_by_role("button", name="Mark watched: Sintel").click()
    assert urlsplit(page.url).path == "/"
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(page.get_by_role("button", name="Mark watched: Sintel")).to_have_count(0)
    undo.click()
    expect(page.get_by_role("button", name="Mark watched: Sintel")).to_be_visible()

    page.get_by_role("button", name="Mark watched: Sintel").click()
    expect(page.get_by_role("button", name="Undo").last).to_be_visible()
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_role("link", name="Sintel")).to_be_visible()


def test_the_mark_reaches_the_server(page, kodi, has_javascript):
    set_up(page)
    add_kodi(page, kodi)
    wait_until_pulled(page, has_javascript)
    page.goto("/")
    page.get_by_role("button", name="Mark watched: Sintel").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    for _ in range(300):
        if kodi.movies[1].playcount:
            break
        page.wait_for_timeout(100)
    assert (kodi.movies[1].playcount, kodi.movies[1].position) == (1, 0)


def test_finishing_an_episode_brings_the_next(page, kodi, has_javascript):
    set_up(page)
    add_kodi(page, kodi)
    wait_until_pulled(page, has_javascript)
    page.goto("/")
    page.get_by_role("button", name="Mark watched: Harbour Lights S1 E2").click()
    expect(page.get_by_role("button", name="Mark watched: Harbour Lights S1 E3")).to_be_visible()


def test_a_show_is_marked_by_its_grid(page, kodi, has_javascript):
    set_up(page)
    add_kodi(page, kodi)
    wait_until_pulled(page, has_javascript)
    page.goto("/library?kind=show")
    page.get_by_role("link", name="Harbour Lights").first.click()
    page.get_by_role("button", name="Season 2 watched").click()
    expect(page.get_by_text("3/3")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("0/3")).to_be_visible()


def test_no_page_is_wrong_for_axe(page, kodi, has_javascript, browser):
    if not has_javascript:
        pytest.skip("axe is JavaScript")
    set_up(page)
    assert violations(page) == []
    add_kodi(page, kodi)
    wait_until_pulled(page, has_javascript)
    for path in PAGES:
        page.goto(path)
        assert violations(page) == [], path
