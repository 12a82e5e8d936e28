"""A real Chromium, and the application behind a real socket, with its worker running as in
`serve`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from mydia_web.sync.service import Service
from tests.fakes.kodi import FakeKodi

# A machine that tests two databases at once is slow, not broken.
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
#: What axe is asked: WCAG 2.2 AA and good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    quiet = ["background-networking", "sync", "component-update", "gpu"]
    switches = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    return {**browser_type_launch_args, "executable_path": chromium, "args": switches}


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the application."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    service = Service(app.app_context)
    thread.start()
    service.start()
    yield f"http://127.0.0.1:{server.server_port}"
    service.stop()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as server:
        server.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15, position=300)
        server.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
        show = server.add_show("Harbour Lights", seasons=2, episodes=3)
        show.episode(1, 1).played.playcount = 1
        show.episode(1, 1).played.lastplayed = "2026-11-01 20:00:00"
        yield server


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it stands."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
