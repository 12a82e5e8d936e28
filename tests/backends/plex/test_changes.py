"""Changes since a time: plays, positions and marks leave a date, the end of a mark does not."""

from datetime import UTC, datetime, timedelta

from mydia_web.backends.plex import Plex
from mydia_web.backends.values import LibraryPage, RemoteItem
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import ALICE, BOB, FakePlex, Title

SINCE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(plex: FakePlex, **after: float) -> None:
    plex.now = lambda: SINCE + timedelta(**after)


def changed(backend: Plex, since: datetime = SINCE) -> list[RemoteItem]:
    return [item for page in backend.changes(since) for item in page.items]


def titles(backend: Plex) -> list[str]:
    return [item.title for item in changed(backend)]


def cast(plex: FakePlex) -> tuple[Title, Title, Title]:
    show = plex.add_show("Harbour Lights", guids=["tvdb://990001"])
    return plex.add_movie("Sintel"), plex.add_movie("Big Buck Bunny"), plex.add_episode(show, 1, 1)


def test_plays_and_positions_are_changes_and_old_ones_are_not(
    plex: FakePlex, backend: Plex
) -> None:
    sintel, bunny, episode = cast(plex)
    at(plex, seconds=-1)
    plex.watch(bunny)
    at(plex, seconds=0)
    plex.watch(sintel)
    at(plex, hours=3)
    plex.stop_at(episode, 600_000)
    assert titles(backend) == ["Sintel", "Harbour Lights 1x1"]


def test_a_changed_episode_comes_with_the_ids_of_its_show(plex: FakePlex, backend: Plex) -> None:
    _, _, episode = cast(plex)
    at(plex, hours=3)
    plex.watch(episode)
    (item,) = changed(backend)
    assert item.show
    assert item.show.external_ids == {"tvdb": "990001"}
    assert item.state
    assert item.state.watched


def test_the_plays_of_others_are_not_ours(plex: FakePlex, open_plex: Open) -> None:
    sintel, *_ = cast(plex)
    at(plex, hours=3)
    plex.watch(sintel, BOB)
    assert titles(open_plex()) == []
    assert titles(open_plex(signed_in(plex, BOB))) == ["Sintel"]


def test_without_news_there_is_one_empty_page_after_three_requests(
    plex: FakePlex, backend: Plex
) -> None:
    cast(plex)
    assert list(backend.changes(SINCE)) == [LibraryPage(items=(), done=0, total=0)]
    assert len(plex.exchanges) == 3


def test_the_end_of_a_mark_is_seen_by_reading_everything(plex: FakePlex, backend: Plex) -> None:
    """Plex clears the date with the mark: why `changes` alone is not enough."""
    sintel, *_ = cast(plex)
    plex.watch(sintel)
    plex.unscrobble(sintel, ALICE)
    assert titles(backend) == []
    assert [
        item.state.watched for page in backend.library() for item in page.items if item.state
    ] == [False] * 3
