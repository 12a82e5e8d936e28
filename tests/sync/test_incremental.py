"""Between two sweeps only what was dated since is read: of servers that keep no date of a change
itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from mydia_web.accounts.models import User
from mydia_web.backends.values import Target
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import get_progress
from mydia_web.sources import registry
from mydia_web.sources.accounts import add_source
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.models import Source, SourceAccount, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.reading import FULL_SCAN_EVERY
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.kodi.bench import KodiBench, written

#: More than two pages of what Jellyfin is asked for at a time.
MANY = 230
LAST_WEEK = timedelta(days=7)
#: The requests of a pull in which nothing is new.
QUIET = {"jellyfin": 3, "kodi": 2}


@pytest.fixture(params=["jellyfin", "kodi"])
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = BENCHES[request.param]()
    monkeypatch.setitem(registry._BACKENDS, request.param, bench.backend)
    yield bench
    assert bench.violations() == []
    bench.close()


@pytest.fixture
def films(bench: Bench) -> list[Target]:
    """Watched last week, but for the first and the second."""
    films = [
        bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")[0] for number in range(MANY)
    ]
    for number, film in enumerate(films[2:]):
        bench.person_watches(film, now() - LAST_WEEK - timedelta(minutes=number))
    return films


@pytest.fixture
def source(bench: Bench, films: list[Target], alice: User) -> Source:
    """alice's, read whole an hour ago."""
    kind, typed = (
        bench.backend.traits.kind,
        replace(bench.connection(), device_id="device-of-alice"),
    )
    signed_in = sign_in(kind, typed)
    source = add_source(kind, "There", typed.base_url)
    keep_sign_in(source, alice.id, signed_in.linked, typed.device_id)
    assert _pull(source).watched == MANY - 2
    an_hour_ago = now() - timedelta(hours=1)
    db.session.execute(update(SourceAccount).values(pulled_at=an_hour_ago, swept_at=an_hour_ago))
    db.session.commit()
    bench.requests()
    return source


@pytest.fixture
def pull(source: Source) -> Callable[[], Report]:
    """As the schedule does."""
    return lambda: _pull(source)


def _pull(source: Source) -> Report:
    db.session.commit()
    begin_write()
    pull_id = request_pull(source.id).id
    db.session.commit()
    report = run_pull(pull_id)
    assert report
    db.session.expire_all()
    return report


@pytest.fixture
def shown_here(source: Source, alice: User) -> Callable[[Target], tuple[bool, int]]:
    """Watched, and how many seconds were seen."""

    def shown(target: Target) -> tuple[bool, int]:
        row = db.session.scalars(
            select(SourceItem).where(SourceItem.remote_id == target.remote_id)
        ).one()
        kind, number = (
            (Episode, row.episode_id) if row.episode_id else (MediaItem, row.media_item_id)
        )
        progress = get_progress(alice.id, db.session.get_one(kind, number))
        return (progress.watched, progress.position_seconds) if progress else (False, 0)

    return shown


def comes_new(bench: Bench, target: Target, at: datetime) -> None:
    if isinstance(bench, JellyfinBench):
        bench.fake.titles[target.remote_id].created = at
    elif isinstance(bench, KodiBench):
        videos = bench.kodi.movies if target.kind == "movie" else bench.kodi.episodes
        videos[int(target.remote_id.partition(":")[2])].dateadded = written(at)


def goes(bench: Bench, target: Target) -> None:
    if isinstance(bench, JellyfinBench):
        del bench.fake.titles[target.remote_id]
    elif isinstance(bench, KodiBench):
        del bench.kodi.movies[int(target.remote_id.partition(":")[2])]


def loses_date(bench: Bench, target: Target) -> None:
    """It stays watched, as other programs leave it."""
    if isinstance(bench, JellyfinBench):
        bench.fake.titles[target.remote_id].state(bench.alice.id).last_played = None
    elif isinstance(bench, KodiBench):
        bench.kodi.movies[int(target.remote_id.partition(":")[2])].played.lastplayed = ""


def quiet(bench: Bench) -> int:
    return QUIET[bench.backend.traits.kind]


def a_day_passes() -> None:
    """Since the last sweep."""
    db.session.execute(
        update(SourceAccount).values(swept_at=now() - FULL_SCAN_EVERY - timedelta(minutes=1))
    )
    db.session.commit()


def test_a_pull_in_which_nothing_is_new_takes_two_or_three_requests(pull, bench):
    for _ in range(2):
        assert (pull().message, len(bench.requests())) == ("0 titles: nothing new", quiet(bench))


def test_a_play_and_a_position_come_in(pull, bench, films, shown_here):
    first, second, *_ = films
    bench.person_watches(first, now())
    bench.person_stops_at(second, 1_200_000, now())
    report = pull()
    assert (report.done, report.watched, report.positions) == (2, 1, 1)
    # What was begun lately may be playing: that is asked.
    assert len(bench.requests()) <= quiet(bench) + 1
    assert (shown_here(first), shown_here(second)) == ((True, 0), (False, 1200))
    assert pull().news == "nothing new"


def test_a_position_in_what_was_watched_comes_in(pull, bench, films, shown_here):
    bench.person_stops_at(films[5], 1_200_000, now())
    pull()
    assert shown_here(films[5]) == (True, 1200)


def test_new_titles_come_in_with_their_state(pull, bench, shown_here):
    [film] = bench.add_movie("Newly added", imdb="tt9999999")
    episode = bench.add_episode("Harbour Lights", 1, 1, tvdb="990101")
    for target in (film, episode):
        comes_new(bench, target, now())
    bench.person_watches(episode, now() - LAST_WEEK)
    assert pull().done == 2
    assert len(bench.requests()) == quiet(bench) + 1  # with the show
    assert (shown_here(film), shown_here(episode)) == ((False, 0), (True, 0))


def test_a_title_of_an_old_file_makes_the_pull_read_everything_once(pull, bench, shown_here):
    [film] = bench.add_movie("Found at last", imdb="tt9999999")
    comes_new(bench, film, now() - 4 * LAST_WEEK)
    bench.person_watches(film, now() - LAST_WEEK)
    assert (pull().done, shown_here(film)) == (MANY + 1, (True, 0))
    bench.requests()
    assert (pull().done, len(bench.requests())) == (0, quiet(bench))


def test_a_title_that_goes_makes_the_pull_read_everything_once(pull, bench, films):
    goes(bench, films[7])
    report = pull()
    assert (report.done, report.gone) == (MANY - 1, 1)
    bench.requests()
    assert (pull().done, len(bench.requests())) == (0, quiet(bench))


def test_what_is_not_recognised_does_not_make_every_pull_read_everything(pull, bench, source):
    [nameless] = bench.add_movie(" ")
    comes_new(bench, nameless, now())
    pull()
    assert db.session.scalars(select(UnmatchedItem.remote_id)).all() == [nameless.remote_id]
    bench.requests()
    assert (pull().done, len(bench.requests())) == (1, quiet(bench))


def test_many_plays_are_read_to_the_last(pull, bench, films, shown_here):
    for number, film in enumerate(films):
        bench.person_watches(film, now() - timedelta(seconds=number))
    assert pull().done == MANY
    assert shown_here(films[0]) == shown_here(films[1]) == (True, 0)
    assert len(bench.requests()) <= quiet(bench) + 3


def test_unwatching_comes_in_by_the_daily_sweep(pull, bench, films, shown_here):
    bench.person_unwatches(films[5])
    assert pull().news == "nothing new"
    assert shown_here(films[5]) == (True, 0)
    a_day_passes()
    assert pull().unwatched == 1
    assert shown_here(films[5]) == (False, 0)


def test_who_signs_in_anew_is_read_whole(pull, bench, source, alice):
    """It may be somebody else there."""
    typed = replace(bench.connection(), device_id="another")
    keep_sign_in(source, alice.id, sign_in(source.kind, typed).linked, typed.device_id)
    assert pull().done == MANY


def test_a_title_without_a_date_does_no_harm_and_is_found_by_the_daily_sweep(
    pull, bench, films, shown_here
):
    bench.person_watches(films[0], now())
    for film in (films[0], films[5]):
        loses_date(bench, film)
    assert pull().news == "nothing new"
    assert (shown_here(films[0]), shown_here(films[5])) == ((False, 0), (True, 0))
    a_day_passes()
    pull()
    assert (shown_here(films[0]), shown_here(films[5])) == ((True, 0), (True, 0))
