"""The stand-in says what the recorded servers said of the same acts."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from typing import Any

import pytest

from tests.fakes.jellyfin_news import JellyfinNews, as_template
from tests.fakes.mediabrowser_library import TICKS
from tests.sync.recordings import ALL, SOCKET, TEMPLATE, Recording
from tests.sync.replayed import VERSIONS, RecordedJellyfin

MEMBERS = (
    *("NotificationType", "SaveReason", "ItemId", "Played", "PlayCount", "PlaybackPositionTicks"),
    *("PlayedToCompletion", "IsPaused", "IsAutomated"),
)
#: Of what is said on the open connection.
ENTRY = ("ItemId", "Played", "PlayCount", "PlaybackPositionTicks", "IsFavorite")


def acts(news: JellyfinNews, server: RecordedJellyfin) -> list[Callable[[], Iterator[float]]]:
    """As recorded, in their order; what bob does is left out."""
    title, play = server.named, news.play
    two_days_ago = server.fake.now() - timedelta(days=2)
    season = [title(f"The Expanse S01E{number:02}") for number in range(1, 7)]
    return [
        lambda: play(title("Heat"), 0, 4, 300),
        lambda: play(title("Heat"), 300, 600, pauses=True),
        lambda: play(title("Heat"), 600, 1150),
        lambda: news.mark(title("Primer"), two_days_ago),
        lambda: play(title("Primer"), 0, 4, 240),
        lambda: play(title("Primer"), 240, 1160),
        lambda: news.unmark(title("Primer")),
        lambda: play(title("Primer"), 0, 300),
        lambda: news.mark(title("Primer")),
        lambda: play(title("Heat"), 0, 4),
        lambda: play(title("Akira"), 0, 60),
        lambda: play(title("Blade Runner"), 0, 400, version=title("Blade Runner").versions[0]),
        lambda: news.like(title("Heat")),
        lambda: news.write(title("Heat"), position=500 * TICKS),
        lambda: news.write(title("Heat"), played=False, position=0),
        lambda: news.mark(title("Heat")),
        lambda: (pause for one in season for pause in news.mark(one)),
        lambda: (pause for one in season for pause in news.unmark(one)),
        lambda: news.mark(title("Serenity (1) / Serenity (2)")),
    ]


@pytest.mark.parametrize("way", [ALL, TEMPLATE])
@pytest.mark.parametrize("name", VERSIONS)
def test_acts_are_told_as_they_were_recorded(name: str, way: str) -> None:
    recording = Recording(name)
    with closing(RecordedJellyfin(recording)) as server:
        news = JellyfinNews(server.fake, server.alice, Random(1))
        for act, recorded in zip(acts(news, server), recording.acts(), strict=False):
            told = [one for _ in act() for one in news.webhooks()]
            bodies = [as_template(one) for one in told] if way == TEMPLATE else told
            was = [one.body for one in recording.said(way) if recorded.t <= one.t < recorded.until]
            assert sorted(map(_seen, bodies)) == sorted(map(_seen, was)), recorded.name
            for body in bodies:
                assert set(body) <= {name for one in was if _is_like(one, body) for name in one}


@pytest.mark.parametrize("name", VERSIONS)
def test_acts_are_said_on_the_open_connection_as_they_were_recorded(name: str) -> None:
    recording, time = Recording(name), datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    with closing(RecordedJellyfin(recording)) as server:
        server.fake.now = lambda: time
        news, titles = JellyfinNews(server.fake, server.alice, Random(1)), set(server.fake.titles)
        for act, recorded in zip(acts(news, server), recording.acts(), strict=False):
            said = []
            for pause in chain(act(), [1.0]):
                time += timedelta(seconds=pause)
                said.append(news.said())
            was = [
                one.body for one in recording.said(SOCKET) if recorded.t <= one.t < recorded.until
            ]
            assert _entries(said, titles) == _entries(was, titles), recorded.name


def _entries(messages: list[dict[str, Any] | None], titles: set[str]) -> list[list[list[str]]]:
    """What each message says of titles, but for the shows and folders they are in, which are told
    of too.
    """
    found = [
        sorted(
            [str(entry.get(name)) for name in ENTRY]
            for entry in message["Data"]["UserDataList"]
            if entry["ItemId"] in titles and "UnplayedItemCount" not in entry
        )
        for message in messages
        if message and message["MessageType"] == "UserDataChanged"
    ]
    return [one for one in found if one]


def _seen(body: dict[str, Any]) -> list[str]:
    """Where the server says by itself where the player is, it is a second more or less; a template
    tells no cause.
    """
    is_by_itself = body.get("IsAutomated", body["NotificationType"] == "PlaybackProgress")
    return [
        str(body.get(name) or "")
        for name in MEMBERS
        if not (is_by_itself and name == "PlaybackPositionTicks")
    ]


def _is_like(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one["NotificationType"] == other["NotificationType"]
