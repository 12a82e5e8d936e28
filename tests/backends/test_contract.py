"""What every kind of server promises, shown on each: one suite over all backends that take pushes.

Each runs against a stand-in of its kind on loopback, and all that goes over the wire is checked
against what the server's makers have published.
"""

import json
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import (
    BackendError,
    LinkEnded,
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.precondition import RemoteChanged
from mydia_web.backends.values import Connection, RemoteItem, RemoteState, Target, Wanted
from mydia_web.clock import now
from mydia_web.sources.registry import all_traits, backend_class
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES
from tests.fakes.mediabrowser import FakeServer, Reply, Request

#: To the second: the coarsest of them keeps no more.
CLICK = datetime(2024, 11, 21, 20, 30, 15, tzinfo=UTC)
EARLIER, LATER = CLICK - timedelta(days=30), CLICK + timedelta(days=2)
MINUTES = 90
LENGTH_MS = MINUTES * 60_000
WATCHED = Wanted(
    change_type="mark_watched", at=CLICK, watched=True, position_ms=0, watched_at=CLICK
)
UNWATCHED = Wanted(change_type="mark_unwatched", at=LATER, watched=False, position_ms=0)


def stopped_at(position_ms: int, *, watched: bool | None = None, at: datetime = LATER) -> Wanted:
    return Wanted(
        change_type="progress_update",
        at=at,
        watched=watched,
        position_ms=position_ms,
        duration_ms=LENGTH_MS,
        watched_at=CLICK if watched else None,
    )


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = BENCHES[request.param]()
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def as_published(bench: Bench) -> Iterator[None]:
    """Nothing that was sent or answered may be against what the server's makers describe."""
    yield
    assert bench.violations() == []


@pytest.fixture
def backend(bench: Bench) -> Iterator[Backend]:
    backend = bench.backend(bench.connection())
    yield backend
    backend.close()


@pytest.fixture
def film(bench: Bench) -> Target:
    [film] = bench.add_movie("Sintel", minutes=MINUTES, imdb="tt1727587")
    return film


def listed(backend: Backend) -> dict[str, RemoteItem]:
    return {item.remote_id: item for page in backend.library() for item in page.items}


def held_at(bench: Bench, target: Target) -> int:
    return bench.held(target).position_ms


def is_kept(bench: Bench, kept_ms: int, position_ms: int) -> bool:
    """Return whether it is the position, as finely and as far on as the server keeps any."""
    latest = int(LENGTH_MS * bench.kept_share) - (1000 if 0.8 < bench.kept_share < 1 else 0)
    return abs(kept_ms - min(position_ms, latest)) < bench.grain_ms


def test_every_kind_that_takes_pushes_is_tried_here() -> None:
    assert BENCHES.keys() == {traits.kind for traits in all_traits() if traits.takes_pushes}
    for kind, make in BENCHES.items():
        bench = make()
        assert issubclass(bench.backend, backend_class(kind))
        bench.close()


class TestListing:
    def test_films_and_episodes_are_listed_with_all_that_tells_them_apart(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        special = bench.add_episode("Harbour Lights", 0, 0, minutes=45, tvdb="990001")
        third = bench.add_episode("Harbour Lights", 2, 3, minutes=45, tvdb="990203")
        for target in (film, special, third):
            bench.person_watches(target, CLICK)
        items = listed(backend)
        assert items.keys() == {film.remote_id, special.remote_id, third.remote_id}
        movie = items[film.remote_id]
        assert (movie.kind, movie.title, movie.year) == ("movie", "Sintel", 2010)
        assert (movie.external_ids["imdb"], movie.runtime_seconds) == ("tt1727587", MINUTES * 60)
        for target, season, number, tvdb in ((special, 0, 0, "990001"), (third, 2, 3, "990203")):
            item = items[target.remote_id]
            assert (item.kind, item.season_number, item.episode_number) == (
                "episode",
                season,
                number,
            )
            assert (item.external_ids["tvdb"], item.runtime_seconds) == (tvdb, 45 * 60)
            assert item.show
            assert item.show.title == "Harbour Lights"

    def test_each_copy_is_listed_and_takes_a_push(self, bench: Bench, backend: Backend) -> None:
        copies = bench.add_movie("Sintel", minutes=MINUTES, imdb="tt1727587", copies=2)
        for copy in copies:
            backend.push(copy, WATCHED)
        items = listed(backend)
        for copy in copies:
            state = items[copy.remote_id].state
            assert state
            assert state.watched
            assert bench.held(copy).watched
        assert len({copy.remote_id for copy in copies}) == len(copies)

    def test_what_the_person_did_there_is_listed_with_its_date(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        begun = bench.add_episode("Harbour Lights", 1, 1, minutes=MINUTES)
        bench.person_watches(film, CLICK)
        bench.person_stops_at(begun, 1_800_000, LATER)
        items = listed(backend)
        watched, stopped = items[film.remote_id].state, items[begun.remote_id].state
        assert watched
        assert stopped
        assert (watched.watched, watched.position_ms, watched.last_played_at) == (True, 0, CLICK)
        assert watched.play_count >= 1
        assert not stopped.watched
        assert is_kept(bench, stopped.position_ms, 1_800_000)
        assert stopped.last_played_at == LATER

    def test_one_state_is_what_the_listing_says_of_it(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        begun = bench.add_episode("Harbour Lights", 0, 1, minutes=MINUTES)
        bench.person_watches(film, CLICK)
        bench.person_stops_at(begun, 1_800_000, LATER)
        items = listed(backend)
        for target in (film, begun):
            assert backend.state(target) == items[target.remote_id].state

    def test_a_listing_that_fails_on_its_second_page_raises(
        self, bench: Bench, backend: Backend
    ) -> None:
        """Half a library looks like a library with films removed."""
        for number in range(600):
            [target] = bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
            bench.person_watches(target, CLICK + timedelta(seconds=number))
        pages = iter(backend.library())
        assert next(pages)
        bench.requests()
        with bench.answering(500), pytest.raises(ServerTrouble):
            list(pages)

    def test_a_person_without_titles_has_an_empty_library(self, backend: Backend) -> None:
        assert listed(backend) == {}


class TestChanges:
    def test_what_the_person_did_since_is_told_as_it_is_listed(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        at = now().replace(microsecond=0)
        begun = bench.add_episode("Harbour Lights", 0, 1, minutes=MINUTES, tvdb="990001")
        bench.person_watches(film, at)
        bench.person_stops_at(begun, 1_800_000, at)
        items, pages = listed(backend), backend.changes(at - timedelta(minutes=30))
        assert pages
        changed = {item.remote_id: item for page in pages for item in page.items}
        assert changed == {target.remote_id: items[target.remote_id] for target in (film, begun)}

    def test_without_news_there_are_few_requests_and_no_items(
        self, bench: Bench, backend: Backend
    ) -> None:
        for number in range(600):
            [target] = bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
            bench.person_watches(target, CLICK + timedelta(seconds=number))
        bench.add_episode("Harbour Lights", 1, 1)
        bench.requests()
        pages = backend.changes(now() + timedelta(hours=4))
        assert pages
        assert [item for page in pages for item in page.items] == []
        assert len(bench.requests()) <= 3

    def test_news_that_cannot_be_read_are_not_no_news(self, bench: Bench, backend: Backend) -> None:
        with bench.answering(500), pytest.raises(ServerTrouble):
            list(backend.changes(now()) or ())


class TestMarks:
    def test_a_mark_arrives_with_its_own_date(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        shown = backend.push(film, WATCHED)
        held = bench.held(film)
        assert (shown.watched, shown.position_ms) == (held.watched, held.position_ms) == (True, 0)
        assert held.play_count == 1
        assert held.last_played_at
        if bench.backend.traits.accepts_watched_at:
            assert held.last_played_at == shown.last_played_at == CLICK
        else:
            assert now() - held.last_played_at < timedelta(minutes=1)

    def test_an_episode_is_marked_and_no_other(self, bench: Bench, backend: Backend) -> None:
        first, second = (bench.add_episode("Harbour Lights", 1, number) for number in (1, 2))
        special = bench.add_episode("Harbour Lights", 0, 1)
        backend.push(special, WATCHED)
        assert [bench.held(one).watched for one in (special, first, second)] == [True, False, False]

    @pytest.mark.parametrize("wanted", [WATCHED, UNWATCHED, stopped_at(1_800_000), stopped_at(0)])
    def test_what_is_so_already_sends_no_write(
        self, bench: Bench, backend: Backend, film: Target, wanted: Wanted
    ) -> None:
        if wanted.watched is False:
            bench.person_watches(film, CLICK)
        else:
            bench.person_stops_at(film, 600_000, EARLIER)
        backend.push(film, wanted)
        before, held = bench.writes(), bench.held(film)
        assert before
        shown = backend.push(film, wanted)
        assert bench.writes() == before
        assert bench.held(film) == held
        assert shown.watched == held.watched

    def test_marking_twice_is_one_play(self, bench: Bench, backend: Backend, film: Target) -> None:
        for _ in range(3):
            backend.push(film, WATCHED)
        assert bench.held(film).play_count == 1

    def test_a_mark_of_another_day_is_another_play_only_where_plays_are_counted(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        for at in (CLICK, LATER):
            backend.push(
                film,
                Wanted(
                    change_type="mark_watched", at=at, watched=True, position_ms=0, watched_at=at
                ),
            )
        held = bench.held(film)
        assert held.play_count == (2 if bench.backend.traits.counts_plays else 1)
        if bench.backend.traits.accepts_watched_at:
            assert held.last_played_at == LATER

    @pytest.mark.parametrize(
        "wanted", [WATCHED, stopped_at(1_800_000, watched=True), stopped_at(1_800_000)]
    )
    def test_a_replay_after_a_lost_answer_adds_no_play(
        self, bench: Bench, backend: Backend, film: Target, wanted: Wanted
    ) -> None:
        with bench.losing_answers(), pytest.raises(Unreachable):
            backend.push(film, wanted)
        backend.push(film, wanted)
        held = bench.held(film)
        assert held.play_count == (1 if wanted.watched else 0)
        assert is_kept(bench, held.position_ms, wanted.position_ms or 0)

    def test_a_mark_takes_the_position_away(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        bench.person_stops_at(film, 1_800_000, EARLIER)
        backend.push(film, WATCHED)
        held = bench.held(film)
        assert (held.watched, held.position_ms) == (True, 0)

    def test_unwatching_takes_both_away(self, bench: Bench, backend: Backend, film: Target) -> None:
        bench.person_watches(film, EARLIER)
        backend.push(film, stopped_at(1_800_000, watched=True, at=CLICK))
        assert bench.held(film).watched
        shown = backend.push(film, UNWATCHED)
        held = bench.held(film)
        assert (held.watched, held.position_ms, held.play_count) == (False, 0, 0)
        assert (shown.watched, shown.position_ms) == (False, 0)


class TestPositions:
    @pytest.mark.parametrize(
        "position_ms", [LENGTH_MS // 8, 1_234_567, LENGTH_MS // 2, LENGTH_MS * 3 // 4]
    )
    def test_a_position_is_kept_as_finely_as_the_server_can(
        self, bench: Bench, backend: Backend, film: Target, position_ms: int
    ) -> None:
        shown = backend.push(film, stopped_at(position_ms))
        assert is_kept(bench, held_at(bench, film), position_ms)
        assert is_kept(bench, shown.position_ms, position_ms)
        assert not bench.held(film).watched

    @pytest.mark.parametrize(
        "position_ms", [LENGTH_MS * 85 // 100, LENGTH_MS * 899 // 1000, LENGTH_MS - 1000, LENGTH_MS]
    )
    def test_what_is_unfinished_is_never_finished_by_us(
        self, bench: Bench, backend: Backend, film: Target, position_ms: int
    ) -> None:
        shown = backend.push(film, stopped_at(position_ms))
        held = bench.held(film)
        assert (held.watched, held.play_count, shown.watched) == (False, 0, False)
        assert is_kept(bench, held.position_ms, position_ms)

    @pytest.mark.parametrize("was_watched", [True, False])
    def test_position_0_clears_it(
        self, bench: Bench, backend: Backend, film: Target, was_watched: bool
    ) -> None:
        if was_watched:
            bench.person_watches(film, EARLIER)
        bench.person_stops_at(film, 1_800_000, CLICK)
        shown = backend.push(film, stopped_at(0))
        held = bench.held(film)
        assert (held.watched, held.position_ms) == (was_watched, 0)
        assert (shown.watched, shown.position_ms) == (was_watched, 0)

    @pytest.mark.parametrize("watched", [None, True])
    def test_a_position_after_the_mark_keeps_the_mark(
        self, bench: Bench, backend: Backend, film: Target, watched: bool | None
    ) -> None:
        backend.push(film, WATCHED)
        backend.push(film, stopped_at(1_800_000, watched=watched))
        held = bench.held(film)
        assert (held.watched, held.play_count) == (True, 1)
        assert is_kept(bench, held.position_ms, 1_800_000)

    def test_a_mark_and_a_position_come_together(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        shown = backend.push(film, stopped_at(1_800_000, watched=True))
        held = bench.held(film)
        assert (held.watched, held.play_count, shown.watched) == (True, 1, True)
        assert is_kept(bench, held.position_ms, 1_800_000)

    def test_a_position_never_takes_the_mark_away(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        bench.person_watches(film, EARLIER)
        for position_ms in (600_000, LENGTH_MS - 1000, 0):
            shown = backend.push(film, stopped_at(position_ms))
            assert (bench.held(film).watched, shown.watched) == (True, True)


class TestRefusals:
    def test_a_title_that_is_gone_is_not_on_the_server(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        bench.remove(film)
        for wanted in (WATCHED, UNWATCHED, stopped_at(600_000)):
            with pytest.raises(NotOnServer):
                backend.push(film, wanted)
        with pytest.raises(NotOnServer):
            backend.state(film)

    def test_a_refused_sign_in_says_so(self, bench: Bench, film: Target) -> None:
        stranger = bench.backend(bench.wrong_connection())
        for act in (
            stranger.check,
            lambda: list(stranger.library()),
            lambda: stranger.state(film),
            lambda: stranger.push(film, WATCHED),
        ):
            with pytest.raises(SignInRefused):
                act()
        stranger.close()
        assert not bench.held(film).watched

    def test_retry_after_in_seconds(self, bench: Bench, backend: Backend, film: Target) -> None:
        for status in (429, 503):
            with (
                bench.answering(status, headers={"Retry-After": "0120"}),
                pytest.raises(RateLimited) as refusal,
            ):
                backend.push(film, WATCHED)
            assert refusal.value.retry_after == 120

    def test_retry_after_as_a_date(self, bench: Bench, backend: Backend, film: Target) -> None:
        until = format_datetime(now() + timedelta(seconds=90), usegmt=True)
        with (
            bench.answering(429, headers={"Retry-After": until}),
            pytest.raises(RateLimited) as refusal,
        ):
            backend.push(film, WATCHED)
        assert 80 < refusal.value.retry_after <= 90

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_server_in_trouble_may_be_better_later(
        self, bench: Bench, backend: Backend, film: Target, status: int
    ) -> None:
        for act in (
            lambda: backend.push(film, WATCHED),
            lambda: list(backend.library()),
            backend.check,
        ):
            with bench.answering(status), pytest.raises(ServerTrouble):
                act()

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"<!doctype html><title>Sign in</title>", "text/html"),
            (b'{"Items": [{"Id": "1', "application/json"),
            (b"", "application/json"),
            (b"[]", "application/json"),
            (b"null", "application/json"),
        ],
    )
    def test_an_answer_that_is_none_changes_nothing_and_is_never_an_empty_library(
        self, bench: Bench, backend: Backend, film: Target, body: bytes, content_type: str
    ) -> None:
        with bench.answering(200, body=body, content_type=content_type):
            for act in (lambda: backend.push(film, WATCHED), lambda: list(backend.library())):
                with pytest.raises((ServerTrouble, NotOnServer)):
                    act()
        assert not bench.held(film).watched

    def test_an_answer_that_breaks_off(self, bench: Bench, backend: Backend, film: Target) -> None:
        headers = {"Content-Length": "9000", "Connection": "close"}
        with bench.answering(200, headers=headers, body=b'{"a', content_type="application/json"):
            for act in (lambda: backend.push(film, WATCHED), lambda: list(backend.library())):
                with pytest.raises((Unreachable, ServerTrouble)):
                    act()

    def test_a_server_that_is_off_is_unreachable(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        bench.close()
        for act in (
            lambda: backend.push(film, WATCHED),
            lambda: list(backend.library()),
            backend.check,
        ):
            with pytest.raises(Unreachable):
                act()


def test_a_push_returns_what_is_read_afterwards(
    bench: Bench, backend: Backend, film: Target
) -> None:
    for wanted in (stopped_at(1_800_000, at=EARLIER), WATCHED, stopped_at(1_200_000), UNWATCHED):
        shown = backend.push(film, wanted)
        read = backend.state(film)
        assert (shown.watched, shown.play_count) == (read.watched, read.play_count)
        assert abs(shown.position_ms - read.position_ms) < bench.grain_ms


def test_our_own_push_is_no_news_in_the_next_listing(
    bench: Bench, backend: Backend, film: Target
) -> None:
    bench.person_stops_at(film, 600_000, EARLIER)
    for wanted in (WATCHED, stopped_at(1_800_000)):
        shown = backend.push(film, wanted)
        state = listed(backend)[film.remote_id].state
        assert state
        assert RemoteState(
            watched=state.watched, position_ms=0, play_count=state.play_count
        ) == RemoteState(watched=shown.watched, position_ms=0, play_count=shown.play_count)
        assert abs(state.position_ms - shown.position_ms) < max(bench.grain_ms, 2)


class TestLooking:
    """Account services are asked what they have of the play itself."""

    @pytest.fixture(autouse=True)
    def no_account_service(self, bench: Bench) -> None:
        if bench.backend.traits.accepts_unlisted:
            pytest.skip("it is no server that a person watches on")

    @pytest.mark.parametrize("wanted", [WATCHED, UNWATCHED, stopped_at(900_000)])
    def test_what_was_done_there_meanwhile_is_told_and_not_written_over(
        self, bench: Bench, backend: Backend, film: Target, wanted: Wanted
    ) -> None:
        shown = backend.push(film, stopped_at(1_800_000, at=EARLIER))
        bench.person_watches(film, LATER)
        before = bench.writes()
        with pytest.raises(RemoteChanged) as overtaken:
            backend.push(replace(film, shown=shown), wanted)
        assert overtaken.value.found.watched
        assert bench.writes() == before

    def test_a_rewatch_there_is_told_before_its_mark_is_taken_away(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        shown = backend.push(film, WATCHED)
        bench.person_watches(film, LATER)
        with pytest.raises(RemoteChanged):
            backend.push(replace(film, shown=shown), UNWATCHED)
        assert bench.held(film).watched

    def test_what_it_showed_last_is_in_nobodys_way(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        for wanted in (stopped_at(1_800_000), WATCHED, UNWATCHED):
            film = replace(film, shown=backend.push(film, wanted))
        assert not bench.held(film).watched


class Elsewhere(FakeServer):
    """A host of somebody else's. Whatever reaches it is lost to them."""

    def answer(self, request: Request) -> Reply:
        return Reply.json({"MediaContainer": {}, "Items": [], "TotalRecordCount": 0})


def secrets_of(connection: Connection) -> list[str]:
    open_names = ("username", "user_id", "server_id", "client_id", "issued_at", "expires_at")
    return [value for name, value in connection.credentials.items() if name not in open_names]


def words_of(error: BaseException) -> str:
    """All that a log would show of it."""
    return "".join(traceback.format_exception(error)) + repr(error)


class TestTrust:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_to_another_host_is_never_followed(
        self, bench: Bench, backend: Backend, film: Target, status: int
    ) -> None:
        with Elsewhere() as elsewhere:
            with bench.answering(status, headers={"Location": f"{elsewhere.url}/Items"}):
                for act in (
                    backend.check,
                    lambda: list(backend.library()),
                    lambda: backend.state(film),
                    lambda: backend.push(film, WATCHED),
                ):
                    with pytest.raises(BackendError) as refusal:
                        act()
                    assert elsewhere.url in refusal.value.message or isinstance(
                        refusal.value, ServerTrouble
                    )
            assert elsewhere.requests == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
    def test_no_refusal_shows_a_secret_even_if_the_server_repeats_it(
        self, bench: Bench, backend: Backend, film: Target, status: int
    ) -> None:
        secrets = secrets_of(bench.connection())
        assert secrets
        body = json.dumps({"message": f"you said {' '.join(secrets)}"}).encode()
        with bench.answering(status, body=body, content_type="application/json"):
            for act in (
                backend.check,
                lambda: list(backend.library()),
                lambda: backend.push(film, WATCHED),
            ):
                with pytest.raises(BackendError) as refusal:
                    act()
                assert not [one for one in secrets if one in words_of(refusal.value)]

    def test_no_secret_stands_in_what_a_refused_sign_in_says(
        self, bench: Bench, film: Target
    ) -> None:
        connection = bench.wrong_connection()
        stranger = bench.backend(connection)
        with pytest.raises(SignInRefused) as refusal:
            stranger.push(film, WATCHED)
        stranger.close()
        assert not [one for one in secrets_of(connection) if one in words_of(refusal.value)]

    def test_no_secret_stands_in_a_repr(self, bench: Bench, backend: Backend) -> None:
        connection = bench.connection()
        shown = f"{connection!r} {backend!r} {backend.sign_in()!r}"
        assert not [one for one in secrets_of(connection) if one in shown]

    @pytest.mark.parametrize("wanted", [WATCHED, UNWATCHED, stopped_at(1_800_000), stopped_at(0)])
    def test_what_would_be_sent_is_explained_without_asking_and_without_a_secret(
        self, bench: Bench, backend: Backend, film: Target, wanted: Wanted
    ) -> None:
        bench.requests()
        lines = backend.explain(film, wanted)
        assert bench.requests() == []
        assert lines
        assert not [one for one in secrets_of(bench.connection()) if one in "\n".join(lines)]

    @pytest.mark.parametrize("wanted", [WATCHED, stopped_at(1_800_000)])
    def test_every_write_was_explained(
        self, bench: Bench, backend: Backend, film: Target, wanted: Wanted
    ) -> None:
        """The same call to the same place; bodies may hold what only the server can tell."""
        lines = backend.explain(film, wanted)
        backend.push(film, wanted)
        for write in bench.writes():
            place = write.partition("?")[0].split(" {")[0].split("/emby")[-1]
            assert [line for line in lines if place.split()[-1] in line], (place, lines)

    def test_a_link_into_the_player_asks_nothing_and_carries_no_script(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        hostile = Target(remote_id='"><script>alert(1)</script>&x=#', kind="movie")
        bench.requests()
        for target in (
            film,
            hostile,
            Target(remote_id="", kind="movie"),
            replace(film, remote_id="a b/../.."),
        ):
            for server_id in ("", "5ca1ab1e", '"><b>'):
                link = bench.backend.web_link(
                    replace(bench.connection(), server_id=server_id), target
                )
                assert link == "" or link.startswith(("http://", "https://"))
                assert not set(link) & set("<>\" '")
                assert not [one for one in secrets_of(bench.connection()) if one in link]
        assert bench.requests() == []

    @pytest.mark.parametrize(
        "remote_id", ["../../System/Shutdown?x=1#", "1/../../admin", "1?a=b", "%2e%2e", " "]
    )
    def test_an_id_that_is_none_reaches_no_other_address(
        self, bench: Bench, backend: Backend, film: Target, remote_id: str
    ) -> None:
        bench.requests()
        with pytest.raises((NotOnServer, Rejected)):
            backend.push(Target(remote_id=remote_id, kind="movie"), WATCHED)
        for _, path in bench.requests():
            assert "Shutdown" not in path.split("?")[0].split("%")[0]
            assert "/../" not in path
        assert bench.writes() == []

    def test_an_id_reaches_the_wire_as_it_was_listed(self, bench: Bench, backend: Backend) -> None:
        for number in range(12):
            bench.add_movie(f"Film {number}")
        [film] = bench.add_movie("Sintel", minutes=MINUTES, imdb="tt1727587")
        bench.person_stops_at(film, 600_000, EARLIER)
        assert film.remote_id in listed(backend)
        bench.requests()
        backend.push(film, WATCHED)
        number = film.remote_id.partition(":")[2] or film.remote_id
        assert any(number in path for _, path in bench.requests())
        assert bench.held(film).watched


class TestSigningIn:
    def test_the_server_says_what_it_is(self, bench: Bench, backend: Backend) -> None:
        found = backend.check()
        assert found.product == bench.backend.traits.product
        assert found.name
        assert found.version
        assert bench.writes() == []

    def test_what_is_kept_of_a_sign_in_is_enough_for_the_next(
        self, bench: Bench, backend: Backend, film: Target
    ) -> None:
        linked = backend.sign_in()
        if linked is None:
            assert bench.backend.traits.kind == "kodi"
            return
        again = Connection(
            bench.connection().base_url,
            credentials=linked.credentials,
            remote_user_id=linked.remote_user_id,
        )
        other = bench.backend(again)
        assert other.push(film, WATCHED).watched
        other.close()
        assert bench.held(film).watched

    def test_people_are_told_by_the_id_that_is_kept(self, bench: Bench, backend: Backend) -> None:
        linked, people = backend.sign_in(), backend.users()
        if linked is None:
            assert people == ()
            return
        assert linked.remote_user_id in {one.remote_id for one in people}
        assert linked.remote_user_name in {one.name for one in people}

    def test_libraries_can_be_told_apart_where_a_pull_can_be_kept_to_some(
        self, bench: Bench, backend: Backend
    ) -> None:
        libraries = backend.libraries()
        assert bool(libraries) == bench.backend.traits.has_libraries
        assert len({one.remote_id for one in libraries}) == len(libraries)
        assert all(one.name for one in libraries)

    def test_nobody_plays_anything(self, backend: Backend) -> None:
        assert list(backend.playing()) == []

    def test_an_account_is_linked_by_a_code(self, bench: Bench, film: Target) -> None:
        if not bench.backend.traits.linking:
            return
        connection = bench.unlinked()
        code = bench.backend.begin_link(connection)
        assert code.code
        assert code.url.startswith(("https://", "http://127.0.0.1"))
        assert code.interval >= 1
        assert code.expires_in > 60
        assert not [one for one in code.secret.values() if len(one) > 12 and one in repr(code)]
        bench.confirm(code.code)
        linked = bench.backend.poll_link(connection, code.secret)
        assert linked
        assert not [
            one for one in linked.credentials.values() if len(one) > 12 and one in repr(linked)
        ]
        backend = bench.backend(
            Connection(
                connection.base_url,
                credentials=linked.credentials,
                remote_user_id=linked.remote_user_id,
            )
        )
        assert backend.push(film, WATCHED).watched
        backend.close()

    def test_a_code_that_nobody_confirmed_links_nobody(self, bench: Bench) -> None:
        if not bench.backend.traits.linking:
            return
        connection = bench.unlinked()
        code = bench.backend.begin_link(connection)
        assert bench.backend.poll_link(connection, code.secret) is None
        unknown = {
            name: "f" * 32 if name in ("secret", "device_code") else "7" for name in code.secret
        }
        with pytest.raises(LinkEnded):
            bench.backend.poll_link(connection, unknown)

    def test_a_kind_without_codes_offers_none(self, bench: Bench) -> None:
        if not bench.backend.traits.linking:
            with pytest.raises(NotImplementedError):
                bench.backend.begin_link(bench.connection())
