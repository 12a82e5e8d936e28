"""Pull now: what is new comes first, everything only where that is wanted or due."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import func, select, update

from mydia_web.accounts.models import User
from mydia_web.backends.values import Target
from mydia_web.clock import now
from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.accounts import add_source
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.models import Pull, Source, SourceAccount
from mydia_web.sync.inbound.reading import FULL_SCAN_EVERY
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import MOST_TRIES, claim_pull, request_pull
from mydia_web.sync.service import watch_pulls
from mydia_web.web.sources.pulls import pull_words
from tests.backends.jellyfin.bench import JellyfinBench

MANY = 510
HTMX = {"HX-Request": "true"}


@pytest.fixture
def jellyfin() -> Iterator[JellyfinBench]:
    bench = JellyfinBench()
    yield bench
    bench.close()


@pytest.fixture
def films(jellyfin: JellyfinBench) -> list[Target]:
    """Watched last week."""
    films = [
        jellyfin.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")[0] for number in range(MANY)
    ]
    for film in films[:50]:
        jellyfin.person_watches(film, now() - timedelta(days=7))
    return films


@pytest.fixture
def attic(jellyfin: JellyfinBench, films: list[Target], alice: User) -> Source:
    """alice's Jellyfin, read whole an hour ago."""
    typed = replace(jellyfin.connection(), device_id="device-of-alice")
    signed_in = sign_in("jellyfin", typed)
    source = add_source("jellyfin", "Attic", typed.base_url)
    keep_sign_in(source, alice.id, signed_in.linked, typed.device_id)
    request_pull(source.id)
    work()
    an_hour_ago = now() - timedelta(hours=1)
    db.session.execute(update(SourceAccount).values(pulled_at=an_hour_ago, swept_at=an_hour_ago))
    db.session.commit()
    jellyfin.requests()
    return source


def work() -> None:
    """As the running server does, until nothing is asked for."""
    db.session.commit()
    stop = Event()
    context = app_context()

    def watch() -> None:
        with context():
            watch_pulls(stop, interval=0.01)
            db.session.remove()

    working = Thread(target=watch)
    working.start()
    while the_pull().finished_at is None:
        stop.wait(0.01)
    stop.set()
    working.join()


def the_pull() -> Pull:
    """The latest."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Pull).order_by(Pull.id.desc())).first()


def asked(jellyfin: JellyfinBench) -> list[tuple[str, str]]:
    """The requests since the last call, without those for pictures, which are fetched ahead of the
    pages.
    """
    return [(method, target) for method, target in jellyfin.requests() if "/Images/" not in target]


def watched() -> int:
    return db.session.scalar(select(func.count()).where(PlaybackProgress.watched)) or 0


@pytest.fixture(params=["page", "command"])
def pull_now(request: pytest.FixtureRequest, attic: Source) -> Callable[..., None]:
    """Pulls by hand, on the page or in a terminal."""
    address = f"/sources/{attic.id}/pull"

    def on_the_page(*, everything: bool = False) -> None:
        browser: FlaskClient = request.getfixturevalue("browser_of_alice")
        data = {"everything": "1"} if everything else {}
        assert browser.post(address, data=data, headers=HTMX).status_code == 200
        work()

    def by_command(*, everything: bool = False) -> None:
        runner: FlaskCliRunner = request.getfixturevalue("runner")
        db.session.commit()
        result = runner.invoke(args=["pull", "Attic", *(["--everything"] if everything else [])])
        assert result.exit_code == 0, result.output

    return on_the_page if request.param == "page" else by_command


def test_where_nothing_is_new_it_asks_three_times_however_many_titles_there_are(pull_now, jellyfin):
    """What is under way, what was played last, and what came last."""
    pull_now()
    assert (the_pull().message, len(asked(jellyfin))) == ("0 titles: nothing new", 3)


def test_everything_is_read_where_that_is_asked_for(pull_now, jellyfin, films):
    jellyfin.person_unwatches(films[5])
    pull_now()
    assert watched() == 50
    jellyfin.requests()
    pull_now(everything=True)
    assert (the_pull().message, watched()) == (f"{MANY} titles: 1 unwatched", 49)
    # The three questions for what is new; everything is what is under way, the shows and two pages.
    assert len(asked(jellyfin)) == 3 + 4


@pytest.mark.parametrize("is_sweep", [True, False], ids=["asked for", "due"])
def test_what_is_new_is_here_before_everything_is_read(attic, jellyfin, films, is_sweep):
    if not is_sweep:
        db.session.execute(
            update(SourceAccount).values(swept_at=now() - FULL_SCAN_EVERY - timedelta(minutes=1))
        )
    jellyfin.person_watches(films[-1], now())
    db.session.commit()
    begin_write()
    pull_id = request_pull(attic.id, is_sweep=is_sweep).id
    db.session.commit()
    seen: list[tuple[int, int]] = []

    def look(report: Report) -> None:
        seen.append((report.done, watched()))
        db.session.rollback()

    assert run_pull(pull_id, look).done == MANY
    assert seen[0] == (1, 51)
    assert seen[-1] == (MANY, 51)


# What it is doing, in words


def test_the_page_says_what_a_pull_is_doing_and_since_when(
    browser_of_alice, attic, set_clock, cast
):
    page = f"/sources/{attic.id}"

    def shown() -> str:
        db.session.commit()
        return browser_of_alice.get(f"{page}/pull", headers=HTMX).text

    pull = the_pull()
    pull.status, pull.finished_at, pull.done, pull.requested_at = "requested", None, 0, now()
    pull.began_at = pull.total = None
    assert "Requested at 20:00, waiting for a worker." in shown()
    set_clock.pass_(minutes=4)
    db.session.commit()
    claim_pull(pull.id)
    db.session.execute(update(Pull).values(done=6000, total=20_000))
    assert "Reading since 20:04 · 6,000 of 20,000 titles." in shown()
    assert "every 1s" in shown()
    set_clock.pass_(minutes=1)
    assert "Interrupted at 20:04, resumes automatically · 6,000 of 20,000 titles." in shown()


def test_pull_now_says_that_the_source_is_being_read_already(browser_of_alice, attic, cast):
    page = f"/sources/{attic.id}/pull"
    assert "Attic will be pulled in a moment." in browser_of_alice.post(page, headers=HTMX).text
    claim_pull(the_pull().id)
    assert "Reading since" in browser_of_alice.post(page, headers=HTMX).text
    assert the_pull().followed_by == ""
    told = browser_of_alice.post(page, data={"everything": "1"}, follow_redirects=True).text
    assert "A pull of everything follows." in told


def test_a_dead_workers_pull_is_freed_by_the_button(browser_of_alice, attic, cast):
    page = f"/sources/{attic.id}/pull"
    browser_of_alice.post(page, headers=HTMX)
    claim_pull(the_pull().id)
    db.session.execute(update(Pull).values(lease_until=now() - timedelta(seconds=1)))
    assert "resumes automatically" in browser_of_alice.post(page, headers=HTMX).text
    assert the_pull().status == "requested"
    work()
    assert the_pull().status == "done"


def test_a_pull_under_way_elsewhere_is_told_in_a_terminal(runner, attic):
    begin_write()
    claim_pull(request_pull(attic.id).id)
    db.session.commit()
    said = runner.invoke(args=["pull", "Attic", "--everything"])
    assert said.exit_code == 0
    assert "is being read by another process since" in said.output
    assert "Everything is read after that." in said.output


def test_words_hold_for_every_state(attic, app):
    with app.test_request_context():
        pull = Pull(
            source_id=attic.id, requested_at=now(), tries=MOST_TRIES, done=0, followed_by="pull"
        )
        assert pull_words(pull).endswith("waiting for a worker. Another pull follows.")
