"""A film with two files: since 12.0 what is played of the second one is kept under that one's own
id.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.precondition import RemoteChanged
from mydia_web.backends.values import RemoteItem, RemoteState, Target
from tests.backends.jellyfin.test_push import CLICK, EARLIER, wanted
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person, Title

POSITION = 400_000
LATER = EARLIER + timedelta(hours=1)
SINCE_12 = pytest.mark.parametrize("bench", ["12.0.0"], indirect=True)


@pytest.fixture
def film(jellyfin: FakeJellyfin) -> Title:
    return jellyfin.add_movie("Blade Runner", year=1982, minutes=20, versions=2)


@pytest.fixture
def second(film: Title) -> Title:
    return film.versions[0]


def listed(backend: Jellyfin) -> RemoteItem:
    [item] = [item for page in backend.library() for item in page.items]
    return item


def target_of(item: RemoteItem, film: Title) -> Target:
    return target(film, version_id=item.resumed_version, shown=item.state)


@SINCE_12
def test_what_is_played_of_the_second_file_is_the_state_of_the_title(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    item = listed(backend)
    assert (item.remote_id, item.versions, item.resumed_version) == (
        film.id,
        (second.id,),
        second.id,
    )
    assert item.state == RemoteState(
        watched=False, position_ms=POSITION, play_count=0, last_played_at=EARLIER
    )


@pytest.mark.parametrize("bench", ["10.11.11"], indirect=True)
def test_before_12_all_of_it_is_kept_on_the_first(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, film, POSITION, EARLIER)
    item = listed(backend)
    assert (item.versions, item.resumed_version) == ((second.id,), "")
    assert item.state == RemoteState(
        watched=False, position_ms=POSITION, play_count=1, last_played_at=EARLIER
    )


@SINCE_12
@pytest.mark.parametrize(
    ("first_at", "second_at", "is_second"),
    [(EARLIER, LATER, True), (LATER, EARLIER, False), (EARLIER, None, False), (None, LATER, True)],
)
def test_the_file_that_was_played_last_tells_the_position(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    alice: Person,
    film: Title,
    second: Title,
    first_at: datetime | None,
    second_at: datetime | None,
    *,
    is_second: bool,
) -> None:
    film.state(alice.id).position, film.state(alice.id).last_played = 60_000 * 10_000, first_at
    second.state(alice.id).position, second.state(alice.id).last_played = (
        POSITION * 10_000,
        second_at,
    )
    item = listed(backend)
    assert item.state
    assert item.state.position_ms == (POSITION if is_second else 60_000)
    assert item.resumed_version == (second.id if is_second else "")


@SINCE_12
def test_what_was_finished_since_has_no_position_of_another_file(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    jellyfin.watch(alice, film, LATER)
    item = listed(backend)
    assert item.resumed_version == ""
    assert item.state == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=LATER
    )


@SINCE_12
def test_a_position_goes_back_to_the_file_that_is_under_way(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    there = target_of(listed(backend), film)
    shown = backend.push(there, wanted("progress_update", position_ms=500_000))
    assert (shown.watched, shown.position_ms, shown.last_played_at) == (False, 500_000, CLICK)
    assert second.state(alice.id).position == 500_000 * 10_000
    assert film.state(alice.id).position == 0
    assert listed(backend).state == shown


@SINCE_12
def test_a_mark_reaches_both_and_leaves_no_position(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    shown = backend.push(target_of(listed(backend), film), wanted("mark_watched"))
    assert (shown.watched, shown.position_ms) == (True, 0)
    states = [one.state(alice.id) for one in (film, second)]
    assert [(one.played, one.position) for one in states] == [(True, 0), (True, 0)]


@SINCE_12
def test_an_unmark_reaches_both(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.watch(alice, film, EARLIER)
    jellyfin.stop(alice, second, POSITION, LATER)
    shown = backend.push(target_of(listed(backend), film), wanted("mark_unwatched", watched=False))
    assert (shown.watched, shown.position_ms) == (False, 0)
    states = [one.state(alice.id) for one in (film, second)]
    assert [(one.played, one.position) for one in states] == [(False, 0), (False, 0)]


@SINCE_12
def test_a_rewatch_of_the_second_file_marks_the_title_and_keeps_the_position_there(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    change = wanted("progress_update", watched=True, position_ms=500_000)
    shown = backend.push(target_of(listed(backend), film), change)
    assert (shown.watched, shown.position_ms) == (True, 500_000)
    assert (second.state(alice.id).position, film.state(alice.id).position) == (500_000 * 10_000, 0)


@SINCE_12
@pytest.mark.parametrize("watched", [None, True])
def test_a_push_to_the_second_file_is_explained_as_it_is_sent(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    alice: Person,
    film: Title,
    second: Title,
    *,
    watched: bool | None,
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    there = target_of(listed(backend), film)
    change = wanted("progress_update", watched=watched, position_ms=500_000)
    lines = backend.explain(there, change)
    jellyfin.news()
    backend.push(there, change)
    sent = [f"{request.method} {unquote(request.target)}" for request in jellyfin.news()]
    assert [line.split(" {")[0] for line in lines] == sent


@SINCE_12
def test_what_was_played_on_of_the_second_file_meanwhile_is_not_written_over(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    there = target_of(listed(backend), film)
    jellyfin.stop(alice, second, 700_000, LATER)
    with pytest.raises(RemoteChanged) as raised:
        backend.push(there, wanted("progress_update", position_ms=500_000))
    assert raised.value.found.position_ms == 700_000
    assert second.state(alice.id).position == 700_000 * 10_000


@SINCE_12
def test_a_file_that_is_gone_meanwhile_leaves_the_first(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, film: Title, second: Title
) -> None:
    jellyfin.stop(alice, second, POSITION, EARLIER)
    listed(backend)
    there = target(film, version_id=second.id)
    jellyfin.remove(second)
    film.versions.clear()
    shown = backend.push(there, wanted("progress_update", position_ms=500_000))
    assert shown.position_ms == 500_000
    assert film.state(alice.id).position == 500_000 * 10_000


@pytest.fixture
def library(jellyfin: FakeJellyfin, alice: Person) -> FakeJellyfin:
    for number in range(5):
        title = jellyfin.add_movie(f"Film {number}", versions=2, minutes=20)
        jellyfin.stop(alice, title.versions[0], POSITION, datetime.now(UTC))
    return jellyfin


def test_two_requests_more_are_all_that_a_pull_costs(
    library: FakeJellyfin, backend: Jellyfin
) -> None:
    library.news()
    list(backend.library())
    # The shows, what is under way, the titles, and the files of those that have several.
    assert library.told() == ["GET /Items", "GET /UserItems/Resume", "GET /Items", "GET /Items"]


@SINCE_12
def test_a_play_of_a_second_file_is_a_change(library: FakeJellyfin, backend: Jellyfin) -> None:
    pages = list(backend.changes(datetime.now(UTC) - timedelta(minutes=5)))
    items = [item for page in pages for item in page.items]
    assert {item.title for item in items if item.resumed_version} == {
        f"Film {number}" for number in range(5)
    }


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_without_that_list_is_read_all_the_same(
    library: FakeJellyfin, backend: Jellyfin, status: int
) -> None:
    library.fail_next(status, path="/UserItems/Resume")
    assert len([item for page in backend.library() for item in page.items]) == 5


@pytest.mark.parametrize(
    "broken",
    [
        {"MediaSources": None},
        {"MediaSources": [None, {"Id": 7}, {}]},
        {"UserData": None},
        {"UserData": {"Played": "perhaps"}},
        {"Id": None},
    ],
)
@SINCE_12
def test_a_strange_entry_of_that_list_spoils_no_other(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    alice: Person,
    film: Title,
    second: Title,
    broken: dict[str, object],
) -> None:
    other = jellyfin.add_movie("Alien", versions=2, minutes=20)
    jellyfin.stop(alice, other.versions[0], POSITION, EARLIER)
    jellyfin.stop(alice, second, POSITION, EARLIER)
    second.broken = broken
    items = {item.title: item for page in backend.library() for item in page.items}
    assert items["Alien"].resumed_version == other.versions[0].id
    assert items["Blade Runner"].resumed_version == ""
    jellyfin.exchanges.clear()  # it is not as Jellyfin describes it
