"""What a mark costs the database: a few statements, whatever it is of; all that pages and players
press, counted.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import ExternalId, MediaItem
from mydia_web.playback import mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.models import ChangeSet, PlaybackProgress
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_server, add_show

#: Of a mark, an unmark or an undo, of any number of episodes and servers.
MOST_OF_MANY = 15
#: Of one click, from the question who is asking to the commit.
MOST_OF_ONE = 12

Statements = AbstractContextManager[list[str]]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what the database is given until the transaction is committed."""
    ran: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            ran.append(statement)

    def stop(_connection: Any) -> None:
        if event.contains(Engine, "before_cursor_execute", note):
            event.remove(Engine, "before_cursor_execute", note)

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", stop)
    try:
        yield ran
    finally:
        event.remove(Engine, "commit", stop)
        stop(None)


def long_show(episodes: int, servers: int, alice: User) -> MediaItem:
    """A show with episodes that have all aired, each of them on so many servers."""
    show = add_show("The Long Orbit", 2019, seasons=1, episodes=1, minutes=25)
    first = list_episodes(show.id)[0]
    for number in range(2, episodes + 1):
        db.session.add(type(first)(media_item_id=show.id, season_number=1, episode_number=number))
    db.session.flush()
    for number in range(servers):
        server = add_server(f"Server {number}", alice)
        for episode in list_episodes(show.id):
            add_copy(server, episode)
    db.session.commit()
    return show


def owe_nothing_any_more() -> None:
    """As if the servers had taken all: what is taken back must be told to them."""
    db.session.query(QueuedChange).update(
        {"status": "synced", "next_attempt_at": None, "synced_seq": 1}
    )
    db.session.commit()


@pytest.mark.parametrize(("episodes", "servers"), [(3, 1), (10, 3), (200, 1), (200, 3)])
def test_a_show_is_marked_and_taken_back_in_as_many_statements_as_an_episode(
    alice: User, episodes: int, servers: int
) -> None:
    show = long_show(episodes, servers, alice)

    def act(change: Callable[..., int]) -> int:
        with statements() as ran, Act(alice.id, "web") as act:
            assert change(act, show) == episodes
            db.session.flush()
            change_set_id = act.change_set_id
        assert len(ran) <= MOST_OF_MANY, ran
        db.session.commit()
        assert change_set_id
        return change_set_id

    def take_back(change_set_id: int) -> None:
        with statements() as ran:
            assert len(undo(change_set_id, alice.id).contents) == episodes
            db.session.commit()
        assert len(ran) <= MOST_OF_MANY, ran

    take_back(act(Act.mark_show_watched))
    assert rows() == (0, 0)
    marked = act(Act.mark_show_watched)
    owe_nothing_any_more()
    take_back(marked)
    act(Act.mark_show_watched)
    unmarked = act(Act.mark_show_unwatched)
    owe_nothing_any_more()
    take_back(unmarked)
    assert rows() == (episodes, episodes * servers)


def rows() -> tuple[int, int]:
    """Records, and changes that are owed."""
    owed = select(QueuedChange.id).where(QueuedChange.next_attempt_at.is_not(None))
    return len(db.session.scalars(select(PlaybackProgress.id)).all()), len(
        db.session.scalars(owed).all()
    )


def test_records_in_every_state_are_marked_and_taken_back_together(alice: User) -> None:
    show = long_show(40, 1, alice)
    for number, episode in enumerate(list_episodes(show.id)):
        if number % 4 == 1:
            save_progress(alice.id, episode, position_seconds=300 + number, duration_seconds=1500)
        if number % 4 == 2:
            save_progress(alice.id, episode, position_seconds=5, duration_seconds=1500 + number)
    db.session.commit()
    before = states()
    with statements() as ran, Act(alice.id, "web") as act:
        act.mark_show_watched(show)
    assert len(ran) <= MOST_OF_MANY, ran
    db.session.commit()
    change_set_id = act.change_set_id
    assert change_set_id
    with statements() as ran:
        undo(change_set_id)
        db.session.commit()
    assert len(ran) <= MOST_OF_MANY, ran
    assert states() == before


def states() -> list[tuple[Any, ...]]:
    one = PlaybackProgress
    columns = (
        one.episode_id,
        one.position_seconds,
        one.duration_seconds,
        one.watched,
        one.last_watched_at,
    )
    return [tuple(row) for row in db.session.execute(select(*columns).order_by(one.episode_id))]


def test_what_is_marked_already_costs_two_questions(alice: User) -> None:
    show = long_show(10, 3, alice)
    with Act(alice.id, "web") as act:
        act.mark_show_watched(show)
    db.session.commit()
    user_id, title_id = alice.id, show.id
    db.session.expunge_all()
    show = db.session.get_one(MediaItem, title_id)
    with statements() as ran, Act(user_id, "web") as act:
        assert act.mark_show_watched(show) == 0
    assert len([one for one in ran if "advisory" not in one]) == 2


CLICKS = ["/movies/{film}/watched", "/episodes/{episode}/watched"]


@pytest.mark.parametrize("kinds", [["kodi"], ["kodi", "jellyfin", "plex"], ["kodi", "trakt"]])
@pytest.mark.parametrize("address", CLICKS)
def test_one_click_and_its_undo_take_few_statements(
    browser_of_alice: FlaskClient, cast: Any, address: str, kinds: list[str]
) -> None:
    """All of the request is counted, up to its commit; what follows only draws the answer."""
    film, episode = cast.film, cast.episode(1, 1)
    sources = [add_server(kind, cast.alice, kind=kind) for kind in kinds]
    for source in sources:
        add_copy(source, film)
        add_copy(source, episode)
    db.session.add(ExternalId(media_item_id=cast.show.id, provider="tvdb", kind="show", value="1"))
    db.session.commit()
    path = address.format(film=film.id, episode=episode.id)

    def click(method: str, where: str) -> None:
        db.session.remove()  # what the test has read, a request of its own would not know
        with statements() as ran:
            answer = getattr(browser_of_alice, method)(where)
        assert answer.status_code == 303
        most = MOST_OF_ONE + ("trakt" in kinds and db.engine.dialect.name == "postgresql")
        assert len(ran) <= most, (method, where, [one[:60] for one in ran])

    def newest_change_set() -> str:
        newest = select(ChangeSet.id).order_by(ChangeSet.id.desc())
        return f"/undo/{db.session.scalars(newest).first()}"

    click("post", path)
    click("post", newest_change_set())
    click("post", path)
    click("delete", path)
    click("post", newest_change_set())


def test_a_catalogue_that_holds_everything_and_a_copy_there_are_one_recipient(
    alice: User, film: MediaItem, queue: Callable[[], list[QueuedChange]]
) -> None:
    trakt: Source = add_server("Trakt", alice, kind="trakt")
    add_copy(trakt, film, "1")
    add_copy(trakt, film, "2")
    mark_watched(alice.id, film)
    assert [row.source_id for row in queue()] == [trakt.id]
