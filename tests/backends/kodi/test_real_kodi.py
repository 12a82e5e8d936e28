"""The same promises, kept with a real Kodi whose clock stands in New York."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mydia_web.backends.errors import NotOnServer, ServerTrouble, SignInRefused, Unreachable
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.kodi.mapping import VOCABULARY
from mydia_web.backends.values import Connection, ContentKind, RemoteItem, Target, Wanted
from tests.backends.kodi import contract
from tests.fakes.kodi import FakeKodi
from tests.real_kodi import RealKodi, real_kodi

pytestmark = pytest.mark.kodi

SUMMER = datetime(2026, 7, 2, 3, 4, 5, tzinfo=UTC)
WINTER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEVER = {"field": "lastplayed", "operator": "greaterthan", "value": "2099-01-01 00:00:00"}


@pytest.fixture(scope="module")
def real(kodi_media: Path) -> Iterator[RealKodi]:
    with real_kodi(kodi_media, "America/New_York") as kodi:
        yield kodi


@pytest.fixture
def there(real: RealKodi) -> Iterator[Kodi]:
    backend = Kodi(Connection(real.url, credentials=real.credentials))
    yield backend
    backend.close()


@pytest.fixture(params=["movie", "episode"])
def item(request: pytest.FixtureRequest, there: Kodi) -> RemoteItem:
    """A film, then an episode, both unwatched."""
    items = [one for page in there.library() for one in page.items]
    found = next(one for one in items if one.kind == request.param)
    there.push(target(found), Wanted(change_type="mark_unwatched", at=WINTER))
    return found


def target(item: RemoteItem, **other: Any) -> Target:
    return Target(**{"remote_id": item.remote_id, "kind": item.kind, "path": item.path, **other})


def entry(real: RealKodi, item: RemoteItem) -> dict[str, Any]:
    """What Kodi itself says."""
    kind: ContentKind = item.kind
    words = VOCABULARY[kind]
    number = int(item.remote_id.partition(":")[2])
    params = {words.id_name: number, "properties": ["playcount", "lastplayed", "resume"]}
    details: dict[str, Any] = real.rpc(words.get, params)[words.details]
    return details


def test_the_connection_is_tested(real: RealKodi, there: Kodi) -> None:
    info = there.check()
    assert info.product == "Kodi"
    assert int(info.version.partition(".")[0]) >= 19
    with pytest.raises(SignInRefused):
        Kodi(Connection(real.url, credentials={"username": "kodi", "password": "wrong"})).check()


def test_a_pull_brings_films_and_episodes_with_their_ids(there: Kodi) -> None:
    pages = list(there.library())
    items = [item for page in pages for item in page.items]
    assert (pages[-1].done, pages[-1].total, len(items)) == (15, 15, 15)
    assert not [problem for page in pages for problem in page.problems]
    sintel = next(item for item in items if item.title == "Sintel")
    assert sintel.external_ids == {"imdb": "tt1727587", "tmdb": "45745"}
    assert (sintel.year, sintel.runtime_seconds) == (2010, 2400)
    [last] = [
        item
        for item in items
        if item.show
        and item.show.title == "The Long Orbit"
        and (item.season_number, item.episode_number) == (2, 3)
    ]
    assert last.show
    assert last.show.year == 2021
    assert last.show.external_ids == {"tmdb": "990102", "tvdb": "990002"}
    assert last.external_ids.keys() == {"tmdb", "tvdb"}


@pytest.mark.parametrize("moment", [SUMMER, WINTER])
def test_a_mark_has_the_date_of_the_click_in_kodis_own_time(
    real: RealKodi, there: Kodi, item: RemoteItem, moment: datetime
) -> None:
    shown = there.push(target(item), Wanted(change_type="mark_watched", at=moment))
    assert (shown.watched, shown.last_played_at) == (True, moment)
    local = f"{moment.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M:%S}"
    told = entry(real, item)
    assert (told["playcount"], told["lastplayed"]) == (1, local)


def test_an_unmark_clears_the_count_the_date_and_the_position(
    real: RealKodi, there: Kodi, item: RemoteItem
) -> None:
    there.push(
        target(item),
        Wanted(change_type="progress_update", at=WINTER, watched=True, position_ms=60_000),
    )
    assert entry(real, item)["playcount"] == 1
    there.push(target(item), Wanted(change_type="mark_unwatched", at=WINTER))
    told = entry(real, item)
    assert (told["playcount"], told["lastplayed"], told["resume"]["position"]) == (0, "", 0)


def test_a_position_is_kept_to_the_second_and_the_mark_stays(
    real: RealKodi, there: Kodi, item: RemoteItem
) -> None:
    there.push(target(item), Wanted(change_type="mark_watched", at=WINTER))
    wanted = Wanted(
        change_type="progress_update", at=SUMMER, position_ms=754_500, duration_ms=1_400_000
    )
    shown = there.push(target(item), wanted)
    assert abs(shown.position_ms - 754_500) <= 1000
    assert (shown.watched, shown.last_played_at) == (True, SUMMER)
    assert entry(real, item)["resume"] == {"position": 754, "total": 1400}


@pytest.mark.parametrize(
    ("told", "is_told"),
    [
        ({"playcount": 1, "lastplayed": "2025-07-01 23:04:05"}, True),
        ({"lastplayed": "2025-07-01 23:04:05", "resume": {"position": 100, "total": 2400}}, True),
        ({"playcount": 1, "lastplayed": "2025-07-01 23:04:04"}, False),
        ({"resume": {"position": 100, "total": 2400}}, False),
        ({}, False),
    ],
)
def test_what_was_played_after_a_second_is_told_apart_by_its_date(
    real: RealKodi, there: Kodi, item: RemoteItem, told: dict[str, Any], is_told: bool
) -> None:
    """The same rules as of `changes`, but that the files, which are of today, are not new."""
    words, number = VOCABULARY[item.kind], int(item.remote_id.partition(":")[2])
    for other in [one for page in there.library() for one in page.items]:
        there.push(target(other), Wanted(change_type="mark_unwatched", at=WINTER))
    real.rpc(words.set, {words.id_name: number, **told})
    played = {"field": "lastplayed", "operator": "greaterthan", "value": "2025-07-01 23:04:04"}
    asked = {
        "properties": ["lastplayed"],
        "filter": {"or": [played, {**NEVER, "field": "dateadded"}]},
    }
    found = real.rpc(words.list, asked)
    assert [entry[words.id_name] for entry in found.get(words.entries, [])] == (
        [number] if is_told else []
    )
    assert found["limits"]["total"] == is_told


def test_a_title_is_new_by_the_date_of_its_file(
    real: RealKodi, there: Kodi, item: RemoteItem
) -> None:
    words = VOCABULARY[item.kind]
    dates = real.rpc(words.list, {"properties": ["dateadded", "file"]})[words.entries]
    for one in dates:
        modified = datetime.fromtimestamp(
            int(Path(one["file"]).stat().st_mtime), ZoneInfo("America/New_York")
        )
        assert one["dateadded"] == f"{modified:%Y-%m-%d %H:%M:%S}"
    first = min(one["dateadded"] for one in dates)
    added = {"field": "dateadded", "operator": "greaterthan", "value": first}
    found = real.rpc(words.list, {"properties": ["dateadded"], "filter": {"or": [added, NEVER]}})
    assert {one[words.id_name] for one in found[words.entries]} == {
        one[words.id_name] for one in dates if one["dateadded"] > first
    }


def test_what_changed_is_told_and_nothing_else(
    real: RealKodi, there: Kodi, item: RemoteItem
) -> None:
    everything = {one.remote_id for page in there.library() for one in page.items}
    told = [one.remote_id for page in there.changes(WINTER) for one in page.items]
    assert set(told) == everything  # their files are of today
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert [page.items for page in there.changes(tomorrow)] == [[]]
    there.push(target(item), Wanted(change_type="mark_watched", at=tomorrow + timedelta(minutes=1)))
    (page,) = there.changes(tomorrow)
    assert [(one.remote_id, one.show, one.state and one.state.watched) for one in page.items] == [
        (item.remote_id, item.show, True)
    ]
    there.push(target(item), Wanted(change_type="mark_unwatched", at=WINTER))
    assert [page.items for page in there.changes(tomorrow)] == [[]]


def test_an_item_is_found_again_by_its_file(there: Kodi, item: RemoteItem) -> None:
    other_id = f"{item.kind}:2"
    for remote_id in (f"{item.kind}:9999", other_id):
        assert there.push(
            target(item, remote_id=remote_id), Wanted(change_type="mark_watched", at=WINTER)
        ).watched
        there.push(target(item), Wanted(change_type="mark_unwatched", at=WINTER))
    with pytest.raises(NotOnServer):
        there.push(
            target(item, path=item.path.upper()), Wanted(change_type="mark_watched", at=WINTER)
        )


def test_the_clock_is_read_without_the_zone_too(real: RealKodi, there: Kodi) -> None:
    """At any hour, for a Kodi that counts to 12 and for one that counts to 24."""
    from_zone = there._time()
    labels = {"labels": ["System.Date(yyyy-mm-dd)", "System.Time(hh:mm:ss xx)"]}
    with FakeKodi(timezone="America/New_York") as fake:
        fake.tells_zone = False
        for hours in ("12hours", "24hours", "regional"):
            change = {"setting": "locale.use24hourclock", "value": hours}
            assert real.rpc("Settings.SetSettingValue", change)
            time.sleep(0.5)
            fake.shown_labels = real.rpc("XBMC.GetInfoLabels", labels)
            measured = Kodi(Connection(fake.url, credentials=fake.credentials))._time()
            now = datetime.now(UTC)
            assert measured.to_local(now) == from_zone.to_local(now)


def test_what_is_being_played_keeps_its_own_position(real: RealKodi, there: Kodi) -> None:
    film = next(one for page in there.library() for one in page.items if one.kind == "movie")
    wanted = Wanted(change_type="progress_update", at=SUMMER, position_ms=60_000)
    real.rpc("Player.Open", {"item": {"file": film.path}})
    try:
        _until(lambda: real.rpc("Player.GetActivePlayers") != [])
        with pytest.raises(ServerTrouble, match="being played"):
            there.push(target(film), wanted)
    finally:
        real.rpc("Player.Stop", {"playerid": 1})
    _until(lambda: real.rpc("Player.GetActivePlayers") == [])


def test_a_poster_is_fetched(there: Kodi) -> None:
    film = next(one for page in there.library() for one in page.items if one.artwork_url)
    picture = there.artwork(film.artwork_url)
    assert picture.content_type == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    with pytest.raises(NotOnServer):
        there.artwork("image://nothing.jpg/")


def test_the_fake_answers_in_the_same_form(real: RealKodi) -> None:
    calls: dict[str, dict[str, Any]] = {
        "Application.GetProperties": {"properties": ["name", "version"]},
        "VideoLibrary.GetMovieDetails": {
            "movieid": 1,
            "properties": list(VOCABULARY["movie"].fields),
        },
        "VideoLibrary.GetEpisodeDetails": {
            "episodeid": 1,
            "properties": list(VOCABULARY["episode"].fields),
        },
        "VideoLibrary.GetMovies": {"properties": ["uniqueid"], "limits": {"start": 0, "end": 1}},
        "VideoLibrary.GetEpisodes": {"properties": ["tvshowid"], "limits": {"start": 0, "end": 1}},
        "VideoLibrary.GetTVShows": {
            "properties": ["uniqueid", "art"],
            "limits": {"start": 0, "end": 1},
        },
        "Player.GetActivePlayers": {},
        "Player.GetItem": {"playerid": 1, "properties": ["file"]},
    }
    with FakeKodi() as fake:
        fake.add_movie("Big Buck Bunny", year=2008, imdb="tt1254207", tmdb="10378")
        fake.add_show("Harbour Lights", year=2019, episodes=1)
        for method, params in calls.items():
            theirs, question = (
                real.rpc(method, params),
                {"jsonrpc": "2.0", "id": 1, "method": method},
            )
            ours = fake.answer({**question, "params": params})
            assert _form(ours["result"]) == _form(theirs), method  # type: ignore[index]
            assert contract.faults_of_answer(method, theirs) == []


def test_a_kodi_that_was_off_takes_the_change_when_it_is_back(real: RealKodi, there: Kodi) -> None:
    film = next(one for page in there.library() for one in page.items if one.kind == "movie")
    real.stop()
    with pytest.raises(Unreachable):
        there.push(target(film), Wanted(change_type="mark_watched", at=WINTER))
    real.start()
    assert (
        there.push(target(film), Wanted(change_type="mark_watched", at=WINTER)).last_played_at
        == WINTER
    )


def _form(answer: Any, name: str = "") -> Any:
    """The names and types of an answer; which pictures and ids there are is not its form."""
    if name in ("art", "uniqueid"):
        return {str}
    if isinstance(answer, dict):
        return {key: _form(value, key) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_form(entry) for entry in answer[:1]]
    return type(answer)


def _until(condition: Any) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
