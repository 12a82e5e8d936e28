"""/webhooks: what servers send is stored at once and applied after, once, in whatever order it
comes.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched
from mydia_web.playback.models import Play
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.inbox import make_webhook, store_event, webhook_secret
from mydia_web.sources.models import NowPlaying, Source, SourceEvent
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.listen import forget_connected, note_connected
from tests.cast import add_copy, add_server
from tests.conftest import Clock

Send = Callable[..., int]


@pytest.fixture
def source(alice: User, film: MediaItem) -> Source:
    """alice's Jellyfin, which holds Sintel, and a Kodi that holds it too."""
    source = add_server("Attic", alice, kind="jellyfin")
    add_copy(source, film, "abc123")
    add_copy(add_server("Den", alice), film)
    make_webhook(source)
    [account] = accounts_of(source.id)
    account.remote_user_id, account.remote_user_name = "7f7f", "Alice"
    db.session.commit()
    return source


@pytest.fixture
def send(client: FlaskClient, source: Source) -> Send:
    """Send an event to alice's Jellyfin's address and have it applied; the status of the answer."""

    def sending(kind: str = "generic", *, apply: bool = True, **payload: Any) -> int:
        body = {"user": "Alice", "type": "movie", "id": "abc123", "title": "Sintel", **payload}
        answer = client.post(f"/webhooks/{kind}/{webhook_secret(source)}", json=body)
        db.session.commit()
        if apply:
            apply_events()
        return answer.status_code

    return sending


def events() -> list[SourceEvent]:
    db.session.expire_all()
    return list(db.session.scalars(select(SourceEvent).order_by(SourceEvent.id)))


def count(table: type[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_a_finished_film_is_watched_and_told_to_the_others(
    send: Send, alice: User, film: MediaItem
) -> None:
    assert send(event="watched") == 202
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert progress.watched
    assert [event.status for event in events()] == ["applied"]
    [owed] = db.session.scalars(select(QueuedChange))
    assert db.session.get_one(Source, owed.source_id).name == "Den"


def test_what_is_told_twice_is_one_play(send: Send) -> None:
    for _ in range(3):
        send(event="watched")
    assert count(Play) == 1
    assert count(QueuedChange) == 1


def test_a_play_half_a_day_later_is_another(send: Send) -> None:
    at = now()
    send(event="watched", at=(at - timedelta(hours=12)).isoformat())
    send(event="watched", at=at.isoformat())
    assert count(Play) == 2


def test_a_position_comes_in_and_a_deliberate_rewind_too(
    send: Send, alice: User, film: MediaItem
) -> None:
    for position in (600, 120):
        send(event="progress", position_seconds=position, duration_seconds=900)
        progress = get_progress(alice.id, film)
        assert progress is not None
        assert progress.position_seconds == position


def test_the_zero_of_a_crashed_player_is_no_rewind(
    send: Send, alice: User, film: MediaItem
) -> None:
    send(event="progress", position_seconds=600, duration_seconds=900)
    send(event="progress", position_seconds=0, duration_seconds=900)
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert progress.position_seconds == 600


def test_one_unwatching_is_a_persons_doing(send: Send, alice: User, film: MediaItem) -> None:
    send(event="watched")
    send(event="unwatched")
    assert get_progress(alice.id, film) is None
    assert count(Play) == 1


def test_older_news_that_comes_later_is_history_at_most(
    send: Send, alice: User, film: MediaItem
) -> None:
    at = now()
    send(event="watched", at=(at - timedelta(hours=9)).isoformat())
    send(event="unwatched", at=(at - timedelta(hours=1)).isoformat())
    send(event="watched", at=(at - timedelta(hours=5)).isoformat())
    assert get_progress(alice.id, film) is None
    assert events()[-1].message == "1 watched, before what the server has told since."
    assert count(Play) == 2
    send(event="watched", at=(at - timedelta(hours=5)).isoformat())
    send(
        event="progress",
        position_seconds=600,
        duration_seconds=900,
        at=(at - timedelta(hours=4)).isoformat(),
    )
    assert get_progress(alice.id, film) is None
    assert events()[-1].message == "The server has told newer news of it already."
    assert count(Play) == 2


def test_an_unwatching_that_comes_late_undoes_no_play_since(
    send: Send, alice: User, film: MediaItem
) -> None:
    at = now()
    send(event="watched", at=(at - timedelta(hours=9)).isoformat())
    send(event="unwatched", at=(at - timedelta(hours=5)).isoformat())
    send(event="watched", at=(at - timedelta(hours=1)).isoformat())
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert progress.watched
    assert count(Play) == 2


def test_a_play_of_two_days_ago_does_not_undo_a_newer_unwatching(
    send: Send, alice: User, film: MediaItem
) -> None:
    mark_watched(alice.id, film)
    mark_unwatched(alice.id, film)
    db.session.commit()
    send(event="watched", at=(now() - timedelta(days=2)).isoformat())
    assert get_progress(alice.id, film) is None
    assert count(Play) == 2


def test_what_plays_is_shown_and_not_disturbed(
    send: Send, browser_of_alice: FlaskClient, source: Source
) -> None:
    send(event="playing", position_seconds=65, device="Phone")
    assert count(NowPlaying) == 1
    page = browser_of_alice.get("/").text
    assert "Now playing" in page
    assert "Phone, at 1:05" in page
    send(event="stopped", position_seconds=300, duration_seconds=900)
    assert count(NowPlaying) == 0
    assert "Now playing" not in browser_of_alice.get("/").text


def test_news_of_somebody_else_is_nobodys(send: Send, alice: User, film: MediaItem) -> None:
    send(event="watched", user="Carol")
    assert get_progress(alice.id, film) is None
    [event] = events()
    assert (event.status, event.message) == ("ignored", "Nobody here is Carol there.")


@pytest.mark.parametrize(
    "told",
    [
        {
            "Event": "MarkPlayed",
            "Item": {
                "Id": "abc123",
                "Type": "Movie",
                "Name": "Sintel",
                "UserData": {"Played": True},
            },
            "User": {"Name": "Alice", "Id": "7f7f"},
        },
        {
            "Event": "Stop",
            "Item": {
                "Type": "Movie",
                "Name": "Sintel",
                "ProviderIds": {"Tmdb": "", "Imdb": "tt1727587", "Tvdb": ""},
                "UserData": {"Played": True},
            },
        },
    ],
)
def test_other_forms_that_jellyfins_send_are_read_too(
    send: Send, alice: User, film: MediaItem, told: dict[str, Any]
) -> None:
    assert send("jellyfin", **told) == 202
    assert get_progress(alice.id, film).watched


@pytest.mark.parametrize("typed", ["José Ünal", "JOSÉ ÜNAL", "Jose\u0301 U\u0308nal"])
def test_a_person_is_known_by_any_spelling_of_the_name(
    send: Send, source: Source, alice: User, film: MediaItem, typed: str
) -> None:
    [account] = accounts_of(source.id)
    account.remote_user_name = "José Ünal"
    db.session.commit()
    send(event="watched", user=typed)
    assert get_progress(alice.id, film)


def test_a_title_is_found_by_its_ids(send: Send, alice: User, film: MediaItem) -> None:
    send(event="watched", id="", title="", ids={"imdb": "tt1727587"})
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert progress.watched


def test_what_cannot_be_told_apart_is_said_so(send: Send) -> None:
    send(event="watched", id="new", title="")
    [event] = events()
    assert event.status == "ignored"
    assert "gives no title" in event.message


def test_one_event_that_breaks_holds_up_no_other(
    send: Send, source: Source, alice: User, film: MediaItem
) -> None:
    send(event="watched", apply=False)
    [broken] = events()
    broken.body = "{"
    db.session.commit()
    send(event="watched")
    assert [event.status for event in events()] == ["failed", "applied"]
    assert get_progress(alice.id, film) is not None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"<html>", "text/html"),
        (b"[1]", "application/json"),
        (
            json.dumps({"event": "media.stop", "Account": {}, "Metadata": {}}).encode(),
            "application/json",
        ),
    ],
)
def test_what_is_no_news_is_refused_in_words_and_kept_to_be_looked_at(
    client: FlaskClient,
    browser_of_alice: FlaskClient,
    source: Source,
    body: bytes,
    content_type: str,
) -> None:
    address = f"/webhooks/jellyfin/{webhook_secret(source)}"
    answer = client.post(address, data=body, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json["error"]["message"]
    [event] = events()
    assert event.status == "failed"
    assert event.message == answer.json["error"]["message"]
    assert "failed" in browser_of_alice.get(f"/sources/{source.id}").text


@pytest.mark.parametrize("secret", ["", "1", "1-", "1-00", "x-y", "99-" + "0" * 32])
def test_an_address_that_is_none_is_not_found(
    client: FlaskClient, source: Source, secret: str
) -> None:
    assert (
        client.post(f"/webhooks/generic/{secret or '-'}", json={"event": "test"}).status_code == 404
    )
    assert client.post(f"/webhooks/vhs/{webhook_secret(source)}", json={}).status_code == 404
    assert events() == []


def test_a_new_address_ends_the_old_one(
    client: FlaskClient, browser_of_alice: FlaskClient, source: Source
) -> None:
    old = webhook_secret(source)
    assert browser_of_alice.post(f"/sources/{source.id}/webhook").status_code == 303
    db.session.expire_all()
    page = browser_of_alice.get(f"/sources/{source.id}").text
    assert webhook_secret(source) in page
    assert old not in page
    assert client.post(f"/webhooks/generic/{old}", json={"event": "test"}).status_code == 404


def test_the_first_event_is_waited_for_and_seen(
    browser_of_alice: FlaskClient, client: FlaskClient, source: Source
) -> None:
    htmx = {"HX-Request": "true"}
    where = f"/sources/{source.id}/news"
    assert "Waiting for the first event" in browser_of_alice.get(where, headers=htmx).text
    client.post(f"/webhooks/generic/{webhook_secret(source)}", json={"event": "test"})
    part = browser_of_alice.get(where, headers=htmx).text
    assert "Receiving events" in part
    assert "every 2s" not in part


@pytest.mark.parametrize(
    ("is_there", "words"),
    [
        (None, "updates arrive with each pull"),
        (False, "cannot be opened right now"),
        (True, "Listening"),
    ],
)
def test_the_page_says_whether_the_source_is_listened_to(
    browser_of_alice: FlaskClient, alice: User, is_there: bool | None, words: str
) -> None:
    source = add_server("Den", alice)
    [account] = accounts_of(source.id)
    store_event(source.id, "notification", "{}", status="applied", name="VideoLibrary.OnUpdate")
    source_id, account_id = source.id, account.id
    db.session.commit()
    if is_there is not None:
        note_connected(source_id, account_id, is_connected=is_there)
    page = browser_of_alice.get(f"/sources/{source_id}").text
    forget_connected(source_id, account_id)
    assert words in page
    assert "Last event" in page
    assert "VideoLibrary.OnUpdate" in page


def test_only_admins_see_the_address(browser_of_bob: FlaskClient, source: Source) -> None:
    page = browser_of_bob.get(f"/sources/{source.id}").text
    assert webhook_secret(source) not in page
    assert browser_of_bob.post(f"/sources/{source.id}/webhook").status_code == 403
    assert browser_of_bob.post(f"/sources/{source.id}/exchange").status_code == 403


def test_when_it_was_last_heard_of_is_kept_to_the_second(
    send: Send, source: Source, set_clock: Clock
) -> None:
    heard = []
    for seconds in (0, 0.5, 0.4, 1.0):
        set_clock.pass_(seconds=seconds)
        send(event="playing")
        db.session.refresh(source)
        heard.append(source.last_event_at)
    began = set_clock.time - timedelta(seconds=1.9)
    assert heard == [began, began, began, set_clock.time]


def test_all_of_a_storm_of_events_are_applied(send: Send) -> None:
    for position in range(100, 350, 10):
        send(event="progress", position_seconds=position, duration_seconds=900, apply=False)
    assert apply_events() == 25
    assert {event.status for event in events()} == {"applied"}
