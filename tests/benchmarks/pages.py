"""Part `pages`: the time of pages that show a little of a large database."""

import time
from statistics import median

from flask.testing import FlaskClient

from mydia_web.accounts.users import add_user
from mydia_web.db import db
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import table
from tests.years import live_long

PAGES = {
    "Continue Watching": "/",
    "History, first page": "/history",
    "History, a deep page": "/history?before=2022-01-01T00:00:00%2B00:00~9",
    "History, plays of unknown date": "/history?before=unknown~900",
    "Sync queue": "/queue",
    "Sync queue, one server's": "/queue?source=1",
}
_PASSWORD = "correct horse"
_TIMES = 21


def measure(database: str) -> None:
    with (
        household(database) as home,
        table(
            f"Pages, {database}: 100,000 plays, 5,000 films under way", "page", "size", "median"
        ) as row,
    ):
        live_long(
            add_user("alice", _PASSWORD, is_admin=True),
            films=5000,
            shows=300,
            plays=100_000,
            owed=3000,
        )
        filling.tidy()
        home.app.config["WTF_CSRF_ENABLED"] = False
        browser = home.app.test_client()
        browser.post("/login", data={"name": "alice", "password": _PASSWORD})
        for name, address in PAGES.items():
            row(name, *_measure(browser, address))


def _measure(browser: FlaskClient, address: str) -> tuple[str, str]:
    spans = []
    for _ in range(_TIMES):
        db.session.rollback()
        began = time.perf_counter()
        answer = browser.get(address)
        spans.append(time.perf_counter() - began)
        assert answer.status_code == 200
    return f"{len(answer.data) / 1024:.1f} KiB", f"{1000 * median(spans):.0f} ms"
