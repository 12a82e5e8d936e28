"""There and back through the whole product, for each kind of server: linked, pulled, marked, pulled
again.

The way of a Kodi, with more of its turns, stands in test_roundtrip.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from mydia_web import clock
from mydia_web.accounts.models import User
from mydia_web.backends.values import Target
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import Play
from mydia_web.queue.agreement import copy_statuses
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.sign_ins import CONFIRM_AFTER
from mydia_web.sources import registry
from mydia_web.sources.accounts import accounts_of, add_source, connection_of
from mydia_web.sources.linking import ask_for_code, is_confirmed, keep_sign_in, sign_in
from mydia_web.sources.models import Source, SourceItem, SourceItemState
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.metrics import Summary
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES
from tests.cast import add_film, add_show, episode_of

LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = LONG_AGO + timedelta(days=30)
KINDS = ("jellyfin", "emby", "plex", "trakt")
TEARS = "tt2285752"


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "trakt")


@pytest.fixture
def bench(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The stand-in, and the kind of source that reaches its accounts on loopback and waits for no
    clock.
    """
    bench = BENCHES[kind]()
    monkeypatch.setitem(registry._BACKENDS, kind, bench.backend)
    yield bench
    bench.close()
    assert bench.violations() == []


@pytest.fixture
def source(bench: Bench, kind: str, alice: User) -> Source:
    """alice's, linked as a person does it: by a code where there is one."""
    typed, traits = replace(bench.connection(), device_id="device-of-alice"), bench.backend.traits
    if traits.linking:
        typed = replace(bench.unlinked(), device_id="device-of-alice")
        code = ask_for_code(kind, typed)
        bench.confirm(code.code)
        linked = is_confirmed(kind, typed, code.secret)
        assert linked
        server_id = sign_in(kind, replace(typed, credentials=linked.credentials)).server.server_id
    else:
        signed_in = sign_in(kind, typed)
        linked, server_id = signed_in.linked, signed_in.server.server_id
    source = add_source(kind, "There", typed.base_url)
    source.server_id = server_id
    keep_sign_in(source, alice.id, linked, typed.device_id)
    db.session.commit()
    return source


@pytest.fixture
def pull(source: Source) -> Callable[..., Report]:
    """News since the last one where the server can tell; a sweep reads everything."""

    def pull_now(*, is_sweep: bool = False) -> Report:
        db.session.commit()
        begin_write()
        pull_id = request_pull(source.id, is_sweep=is_sweep).id
        db.session.commit()
        report = run_pull(pull_id)
        assert report
        return report

    return pull_now


@pytest.fixture
def drain(session: object) -> Callable[[], Summary]:
    def drain_now() -> Summary:
        db.session.commit()
        with Worker() as worker:
            return worker.drain()

    return drain_now


of_every_kind = pytest.mark.parametrize("kind", KINDS, indirect=True)


def the_film(title: str) -> MediaItem:
    return db.session.scalars(select(MediaItem).where(MediaItem.title == title)).one()


def tears(bench: Bench) -> Target:
    [film] = bench.add_movie("Tears of Steel", year=2012, minutes=12, imdb=TEARS)
    return film


def plays_of(user: User, content: Content) -> list[datetime | None]:
    column = Play.episode_id if isinstance(content, Episode) else Play.media_item_id
    query = select(Play.watched_at).where(Play.user_id == user.id, column == content.id)
    return list(db.session.scalars(query.order_by(Play.watched_at)))


def queue() -> list[QueuedChange]:
    return list(db.session.scalars(select(QueuedChange).execution_options(populate_existing=True)))


def everything_due() -> None:
    """The pause after an outage is over."""
    waits = QueuedChange.status.in_(["pending", "failed"])
    db.session.execute(update(QueuedChange).where(waits).values(next_attempt_at=now()))
    db.session.execute(update(Source).values(paused_until=None))
    db.session.commit()


def an_hour_passes() -> None:
    """Since anything was seen."""
    db.session.execute(update(SourceItemState).values(seen_at=now() - timedelta(hours=2)))
    db.session.commit()


def is_nothing_new(pull: Callable[..., Report]) -> bool:
    """Neither in what has changed since, nor in everything."""
    return all(_is_empty(pull(is_sweep=is_sweep)) for is_sweep in (False, True))


def _is_empty(report: Report) -> bool:
    news = (report.watched, report.unwatched, report.positions, report.owed, report.conflicts)
    return not any(news) and not report.problems and not report.unmatched


@of_every_kind
class TestEveryKind:
    def test_the_account_is_alices_and_opens_the_server_again(self, source, bench, alice):
        [account] = accounts_of(source.id)
        connection = connection_of(source, account)
        assert account.user_id == alice.id
        backend = bench.backend(connection)
        assert backend.check().server_id == source.server_id
        backend.close()

    def test_what_was_watched_there_is_watched_here_at_its_time(self, source, bench, pull, alice):
        bench.person_watches(tears(bench), LONG_AGO)
        special = bench.add_episode("The Long Orbit", 0, 0, minutes=30)
        bench.person_watches(special, LATER)
        report = pull()
        film = the_film("Tears of Steel")
        assert (report.watched, report.owed, report.unmatched, report.problems) == (2, 0, 0, [])
        assert get_progress(alice.id, film).watched
        assert get_progress(alice.id, film).last_watched_at == LONG_AGO
        assert plays_of(alice, film) == [LONG_AGO]
        assert film.runtime_seconds == 720
        assert plays_of(alice, episode_of(the_film("The Long Orbit"), 0, 0)) == [LATER]
        assert queue() == []

    def test_where_it_was_left_off_there_is_where_it_goes_on_here(self, source, bench, pull, alice):
        bench.person_stops_at(tears(bench), 300_000, LONG_AGO)
        assert pull().positions == 1
        progress = get_progress(alice.id, the_film("Tears of Steel"))
        assert (progress.watched, progress.in_progress) == (False, True)
        assert abs(progress.position_seconds - 300) <= 1
        assert progress.last_watched_at == LONG_AGO
        assert queue() == []

    def test_what_was_watched_there_meanwhile_is_known_before_a_push_writes(
        self, source, bench, pull, drain, alice, kind
    ):
        if kind == "trakt":
            pytest.skip("nobody watches on it")
        target = tears(bench)
        pull()
        film = the_film("Tears of Steel")
        save_progress(alice.id, film, position_seconds=300, duration_seconds=720, at=LONG_AGO)
        bench.person_watches(target, LATER)
        drain()
        assert len(plays_of(alice, film)) == 1
        assert get_progress(alice.id, film).watched
        assert bench.held(target).watched
        assert [row.status for row in queue()] == ["synced"]

    def test_a_push_whose_answer_was_lost_is_no_play(self, source, bench, pull, drain, alice):
        target = tears(bench)
        bench.person_stops_at(target, 300_000, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        mark_watched(alice.id, film, at=LATER)
        with bench.losing_answers():
            drain()
        assert bench.held(target).watched
        pull(is_sweep=True)
        everything_due()
        drain()
        assert plays_of(alice, film) == [LATER]
        assert [row.status for row in queue()] == ["synced"]

    def test_where_ours_wins_the_server_hears_all_of_it(
        self, source, bench, pull, drain, alice, kind
    ):
        if kind == "trakt":
            pytest.skip("its plays are never taken away again")
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        save_progress(alice.id, film, position_seconds=300, duration_seconds=720)
        bench.person_unwatches(target)
        pull(is_sweep=True)
        drain()
        assert get_progress(alice.id, film).watched
        assert bench.held(target).watched
        assert abs(bench.held(target).position_ms - 300_000) <= bench.grain_ms
        assert is_nothing_new(pull)

    def test_a_second_pull_finds_nothing_new(self, source, bench, pull, alice):
        bench.person_watches(tears(bench), LONG_AGO)
        begun = bench.add_episode("The Long Orbit", 1, 1, minutes=30)
        bench.person_stops_at(begun, 600_000, LATER)
        pull()
        assert is_nothing_new(pull)
        assert db.session.scalar(select(func.count()).select_from(Play)) == 1
        assert queue() == []

    def test_a_mark_reaches_it_with_its_time_and_comes_back_as_no_news(
        self, source, bench, pull, drain, alice
    ):
        target = tears(bench)
        bench.person_stops_at(target, 300_000, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        mark_watched(alice.id, film, at=LATER)
        assert drain().tallies["There"].synced == 1
        held = bench.held(target)
        assert (held.watched, held.position_ms, held.play_count) == (
            True,
            0,
            max(1, held.play_count),
        )
        if bench.backend.traits.accepts_watched_at:
            assert held.last_played_at == LATER
        assert [row.status for row in queue()] == ["synced"]
        assert is_nothing_new(pull)
        assert plays_of(alice, film) == [LATER]
        assert [row.status for row in queue()] == ["synced"]

    def test_an_episode_marked_here_reaches_it(self, source, bench, pull, drain, alice):
        first = bench.add_episode("The Long Orbit", 1, 1, minutes=30)
        second = bench.add_episode("The Long Orbit", 1, 2, minutes=30)
        for target in (first, second):
            bench.person_stops_at(target, 600_000, LONG_AGO)
        pull()
        mark_watched(alice.id, episode_of(the_film("The Long Orbit"), 1, 2))
        drain()
        assert [bench.held(one).watched for one in (first, second)] == [False, True]
        assert is_nothing_new(pull)

    def test_a_position_reaches_it_and_comes_back_as_no_news(
        self, source, bench, pull, drain, alice
    ):
        target = tears(bench)
        bench.person_stops_at(target, 120_000, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        save_progress(alice.id, film, position_seconds=400, duration_seconds=720)
        drain()
        held = bench.held(target)
        assert not held.watched
        assert abs(held.position_ms - 400_000) < bench.grain_ms
        assert is_nothing_new(pull)
        assert get_progress(alice.id, film).position_seconds == 400

    def test_a_late_position_keeps_its_place_here_even_where_the_server_cannot(
        self, source, bench, pull, drain, alice
    ):
        """85 per cent is not the end, whatever Trakt thinks; what it keeps of it is no news."""
        target = tears(bench)
        bench.person_stops_at(target, 120_000, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        save_progress(alice.id, film, position_seconds=612, duration_seconds=720)
        drain()
        assert not bench.held(target).watched
        assert is_nothing_new(pull)
        progress = get_progress(alice.id, film)
        assert (progress.position_seconds, progress.watched) == (612, False)
        assert [row.status for row in queue()] == ["synced"]

    def test_unmarking_reaches_it(self, source, bench, pull, drain, alice):
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        mark_unwatched(alice.id, film)
        drain()
        held = bench.held(target)
        assert (held.watched, held.play_count, held.position_ms) == (False, 0, 0)
        assert is_nothing_new(pull)
        assert get_progress(alice.id, film) is None

    def test_unwatching_there_unwatches_here(self, source, bench, pull, alice):
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        bench.person_watches(bench.add_episode("The Long Orbit", 1, 1), LONG_AGO)
        pull()
        an_hour_passes()
        bench.person_unwatches(target)
        report = pull(is_sweep=True)
        film = the_film("Tears of Steel")
        assert report.unwatched == 1
        assert get_progress(alice.id, film) is None
        assert plays_of(alice, film) == [LONG_AGO]
        assert is_nothing_new(pull)

    def test_a_rewatch_there_is_one_more_play_here(self, source, bench, pull, alice):
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        pull()
        bench.person_watches(target, LATER)
        assert pull(is_sweep=True).watched == 1
        assert plays_of(alice, the_film("Tears of Steel")) == [LONG_AGO, LATER]
        assert is_nothing_new(pull)

    def test_a_rewatch_under_way_here_is_under_way_there(self, source, bench, pull, drain, alice):
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        save_progress(alice.id, film, position_seconds=300, duration_seconds=720)
        drain()
        held = bench.held(target)
        assert held.watched
        assert abs(held.position_ms - 300_000) < bench.grain_ms
        assert is_nothing_new(pull)
        assert get_progress(alice.id, film).in_progress

    def test_an_outage_loses_nothing(self, source, bench, pull, drain, alice):
        target = tears(bench)
        bench.person_stops_at(target, 120_000, LONG_AGO)
        pull()
        film = the_film("Tears of Steel")
        with bench.answering(502):
            mark_watched(alice.id, film, at=LATER)
            assert drain().tallies["There"].deferred == 1
        [row] = queue()
        assert (row.status, row.error_class) == ("failed", "transient")
        everything_due()
        drain()
        assert bench.held(target).watched
        assert is_nothing_new(pull)
        assert plays_of(alice, film) == [LATER]

    def test_a_lost_answer_is_no_second_play(self, source, bench, pull, drain, alice):
        target = tears(bench)
        bench.person_stops_at(target, 120_000, LONG_AGO)
        pull()
        before = bench.held(target).play_count
        with bench.losing_answers():
            mark_watched(alice.id, the_film("Tears of Steel"), at=LATER)
            assert drain().tallies["There"].deferred == 1
        everything_due()
        assert drain().tallies["There"].synced == 1
        held = bench.held(target)
        assert held.watched
        assert held.play_count <= before + 1
        assert is_nothing_new(pull)

    def test_a_refused_sign_in_waits_for_the_person(
        self, source, bench, pull, drain, alice, monkeypatch
    ):
        target = tears(bench)
        bench.person_stops_at(target, 120_000, LONG_AGO)
        pull()
        mark_watched(alice.id, the_film("Tears of Steel"))
        with bench.answering(401):
            drain()
            assert accounts_of(source.id)[0].refused_at is None
            db.session.rollback()
            at = now() + CONFIRM_AFTER
            monkeypatch.setattr(clock, "read", lambda: at)
            drain()
        [row] = queue()
        assert (row.status, row.error_class, row.next_attempt_at) == ("failed", "auth", None)
        assert accounts_of(source.id)[0].refused_at is not None

    def test_each_title_opens_in_the_servers_own_player(self, source, bench, pull, alice):
        bench.person_watches(tears(bench), LONG_AGO)
        pull()
        [standing] = copy_statuses(alice.id, the_film("Tears of Steel"))
        assert standing.web_link.startswith(("http://127.0.0.1", "https://"))


@pytest.mark.parametrize("kind", ["jellyfin", "emby", "plex"], indirect=True)
def test_every_copy_is_told(source, bench, pull, drain, alice):
    copies = bench.add_movie("Tears of Steel", year=2012, minutes=12, imdb=TEARS, copies=2)
    pull()
    assert (
        db.session.scalar(select(func.count()).select_from(MediaItem).where(MediaItem.year == 2012))
        == 1
    )
    mark_watched(alice.id, the_film("Tears of Steel"))
    drain()
    assert [bench.held(one).play_count for one in copies] == [1, 1]
    assert is_nothing_new(pull)


class TestTrakt:
    def test_a_pause_that_is_gone_there_stays_here(self, source, bench, pull, alice):
        """It drops them after some months by itself."""
        target = tears(bench)
        bench.person_stops_at(target, 300_000, LONG_AGO)
        pull()
        an_hour_passes()
        bench.person_unwatches(target)
        assert is_nothing_new(pull)
        assert get_progress(alice.id, the_film("Tears of Steel")).in_progress
        assert not db.session.scalar(select(func.count()).where(SourceItemState.position_ms > 0))

    def test_an_account_that_is_suddenly_empty_is_left_alone(self, source, bench, pull, alice):
        targets = [
            one for n in range(25) for one in bench.add_movie(f"Film {n}", imdb=f"tt{n + 1:07}")
        ]
        for target in targets:
            bench.person_watches(target, LONG_AGO)
        pull()
        an_hour_passes()
        for target in targets:
            bench.person_unwatches(target)
        report = pull(is_sweep=True)
        assert (report.unwatched, report.held_back) == (0, 25)
        assert get_progress(alice.id, the_film("Film 1")).watched

    def test_what_was_marked_just_now_may_not_be_listed_yet(
        self, source, bench, pull, drain, alice, film
    ):
        [target] = bench.add_movie("Sintel", minutes=15, imdb="tt1727587")
        mark_watched(alice.id, film, at=LATER)
        drain()
        bench.person_unwatches(target)
        assert pull(is_sweep=True).unwatched == 0
        assert get_progress(alice.id, film).watched

    def test_what_it_took_and_never_listed_was_unwatched_by_nobody(
        self, source, bench, pull, drain, alice, film
    ):
        [target] = bench.add_movie("Sintel", minutes=15, imdb="tt1727587")
        mark_watched(alice.id, film, at=LATER)
        drain()
        bench.person_unwatches(target)
        an_hour_passes()
        assert pull(is_sweep=True).unwatched == 0
        assert get_progress(alice.id, film).watched
        bench.person_watches(target, LATER)
        pull(is_sweep=True)
        bench.person_unwatches(target)
        an_hour_passes()
        assert pull(is_sweep=True).unwatched == 1

    def test_what_it_lists_as_it_took_it_is_written_down_once(
        self, source, bench, pull, drain, alice, film
    ):
        [target] = bench.add_movie("Sintel", minutes=15, imdb="tt1727587")
        mark_watched(alice.id, film, at=LATER)
        drain()
        assert is_nothing_new(pull)
        bench.person_unwatches(target)
        an_hour_passes()
        assert pull(is_sweep=True).unwatched == 1

    def test_a_title_that_cannot_be_read_is_not_gone(self, source, bench, pull, alice):
        target = tears(bench)
        bench.person_watches(target, LONG_AGO)
        pull()
        an_hour_passes()
        next(iter(bench.trakt.movies.values())).broken["title"] = ""
        report = pull(is_sweep=True)
        assert (report.unwatched, len(report.problems)) == (0, 1)
        assert get_progress(alice.id, the_film("Tears of Steel")).watched

    def test_two_plays_marked_during_an_outage_arrive_as_two_plays(
        self, source, bench, pull, drain, alice, film
    ):
        [target] = bench.add_movie("Sintel", minutes=15, imdb="tt1727587")
        with bench.answering(502):
            mark_watched(alice.id, film, at=LONG_AGO)
            mark_watched(alice.id, film, at=LATER, again=True)
            drain()
        assert bench.held(target).play_count == 0
        everything_due()
        drain()
        account = bench.trakt.alice
        assert sorted(play.watched_at for play in account.plays) == [LONG_AGO, LATER]
        assert is_nothing_new(pull)
        assert plays_of(alice, film) == [LONG_AGO, LATER]

    def test_a_title_that_was_never_listed_is_found_by_its_ids(
        self, source, bench, pull, drain, alice, film
    ):
        [target] = bench.add_movie("Sintel", minutes=15, imdb="tt1727587")
        mark_watched(alice.id, film, at=LATER)
        assert drain().tallies["There"].synced == 1
        assert bench.held(target).last_played_at == LATER
        [item] = db.session.scalars(select(SourceItem))
        assert (item.remote_id, item.media_item_id) == (target.remote_id, film.id)
        bench.requests()
        mark_unwatched(alice.id, film)
        drain()
        assert bench.held(target).play_count == 0
        assert not [path for _, path in bench.requests() if path.startswith("/search/imdb")]
        assert is_nothing_new(pull)

    def test_an_episode_is_found_by_its_show(self, source, bench, pull, drain, alice):
        target = bench.add_episode("The Long Orbit", 0, 1)
        show = add_show("The Long Orbit", seasons=1, specials=1)

        imdb = target.show_external_ids["imdb"]
        db.session.add(ExternalId(media_item_id=show.id, provider="imdb", kind="show", value=imdb))
        db.session.commit()
        mark_watched(alice.id, episode_of(show, 0, 1), at=LATER)
        drain()
        assert bench.held(target).last_played_at == LATER
        assert is_nothing_new(pull)

    def test_a_hundred_and_fifty_marks_of_known_titles_are_few_requests(
        self, source, bench, pull, drain, alice
    ):
        targets = [
            one
            for n in range(150)
            for one in bench.add_movie(f"Film {n}", year=1950, imdb=f"tt{n + 1:07}")
        ]
        for number, target in enumerate(targets):
            bench.person_watches(target, LONG_AGO + timedelta(hours=number))
        pull()
        films = db.session.scalars(select(MediaItem).where(MediaItem.year == 1950)).all()
        for number, film in enumerate(films):
            mark_watched(alice.id, film, at=now() - timedelta(hours=number), again=True)
        before = len(bench.writes())
        summary = drain()
        assert summary.tallies["There"].synced == 150
        assert [bench.held(target).play_count for target in targets] == [2] * 150
        told = bench.writes()[before:]
        assert set(told) == {"POST /sync/history"}
        # On a busy machine the first may set out before all are claimed.
        assert len(told) <= 3
        assert is_nothing_new(pull)

    def test_marks_of_titles_it_never_listed_are_looked_up_a_few_at_a_time(
        self, source, bench, pull, drain, alice
    ):
        before = len(bench.writes())
        for number in range(60):
            bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
            mark_watched(
                alice.id, add_film(f"Film {number}", 2010, imdb=f"tt{number + 1:07}"), at=LATER
            )
        drain()
        assert len(bench.trakt.alice.plays) == 60
        assert bench.writes()[before:] == ["POST /sync/history"] * 3
        assert is_nothing_new(pull)
        assert {row.status for row in queue()} == {"synced"}

    def test_a_title_without_ids_is_not_owed(self, source, bench, drain, alice):
        bench.requests()
        mark_watched(alice.id, add_film("Home video", 2020))
        assert queue() == []
        drain()
        assert bench.requests() == []
