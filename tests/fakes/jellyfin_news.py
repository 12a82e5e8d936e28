"""What a person's acts have a Jellyfin save and say: webhooks of its plugin, and messages on the
open connection.

It is as awkward as the recorded ones (tests/recordings): dates are those of starts, several
messages come in a moment and in any order, and positions go on by themselves.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from mydia_web.backends.events.jellyfin import TEMPLATE
from tests.fakes import jellyfin_marks as marks
from tests.fakes import jellyfin_players as players
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin_sign_in import Device
from tests.fakes.mediabrowser import Request
from tests.fakes.mediabrowser_library import TICKS, Person, Title, instant

#: Of what is posted as `TEMPLATE` makes it, and with "Send All Properties".
TEMPLATE_TYPE, ALL_TYPE = "application/json; charset=utf-8", "text/plain; charset=utf-8"
#: Seconds between two reports of a player, and after a save until it is said on the open
#: connection.
EVERY, SAID_AFTER = 4, 0.5
_IDS = {"UserId", "ItemId"}


class JellyfinNews:
    """One person at one Jellyfin. Each act is a generator of pauses in seconds: time passes as its
    caller says.
    """

    def __init__(self, jellyfin: FakeJellyfin, person: Person, random: Random) -> None:
        self._jellyfin, self._person, self._random = jellyfin, person, random
        self._device = Device("probe", "probe", "probe", person.id)
        jellyfin.devices[person.id, "probe"] = self._device
        self._waiting: list[dict[str, Any]] = []
        #: What was saved and is not yet said on the open connection, and when it will be.
        self._saved: dict[str, Title] = {}
        self._say_at: datetime | None = None

    def play(
        self,
        title: Title,
        start: int,
        *reports: int,
        version: Title | None = None,
        pauses: bool = False,
    ) -> Iterator[float]:
        """From `start`: the player reports each of these seconds, `EVERY` seconds apart, and stops
        at the last.
        """
        played = version if version and self._jellyfin.major >= 12 else title
        source = version or title
        self._post(players.started, title, source, start)
        self._save(played, "PlaybackStart")
        self._tell_player("PlaybackStart", title, source, start)
        shown = start
        for number, position in enumerate(reports, 1):
            yield from self._go_on(title, source, shown)
            is_paused = pauses and number == len(reports)
            self._post(players.progressed, title, source, position, IsPaused=is_paused)
            self._save(played, "PlaybackProgress")
            self._tell_player("PlaybackProgress", title, source, position, IsPaused=is_paused)
            shown = position
        yield from [float(EVERY)] if pauses else self._go_on(title, source, shown)
        self._post(players.stopped, title, source, shown)
        state = played.state(self._person.id)
        is_end = state.played and not state.position and shown * 20 * TICKS >= played.ticks
        self._save(played, "PlaybackFinished")
        self._tell_player("PlaybackStop", title, source, shown, PlayedToCompletion=is_end)
        yield 0.1

    def _go_on(self, title: Title, source: Title, since: int) -> Iterator[float]:
        """Each second the server tells where it thinks the player is, and keeps nothing of that."""
        for second in range(1, EVERY + 1):
            yield 1.0
            self._tell_player("PlaybackProgress", title, source, since + second, IsAutomated=True)
        yield 0.1

    def mark(self, title: Title, at: datetime | None = None) -> Iterator[float]:
        """By hand; by another program, with a date."""
        query = f"?datePlayed={at:%Y%m%d%H%M%S}" if at else ""
        marks.mark(self._jellyfin, title, self._person.id, Request("POST", f"/{query}", {}))
        self._save(title, "TogglePlayed")
        yield 0.1

    def unmark(self, title: Title) -> Iterator[float]:
        marks.unmark(self._jellyfin, title, self._person.id, Request("DELETE", "/", {}))
        self._save(title, "TogglePlayed")
        yield 0.1

    def write(self, title: Title, **members: Any) -> Iterator[float]:
        """Another program does."""
        state = title.state(self._person.id)
        for name, value in members.items():
            setattr(state, name, value)
        self._save(title, "UpdateUserData")
        yield 0.1

    def like(self, title: Title) -> Iterator[float]:
        title.state(self._person.id).favorite = True
        self._save(title, "UpdateUserRating")
        yield 0.1

    def heard(self, title: Title, reason: str) -> None:
        """Somebody has written it: that is told as everything is."""
        self._save(title, reason)

    def webhooks(self) -> list[dict[str, Any]]:
        """Return what was told at this moment, in any order."""
        told, self._waiting = self._waiting, []
        self._random.shuffle(told)
        return told

    def said(self) -> dict[str, Any] | None:
        """Return the messages of the open connection now; there are seldom any."""
        if self._say_at is None or self._jellyfin.now() < self._say_at:
            return None
        titles, self._saved, self._say_at = list(self._saved.values()), {}, None
        above = {one.series.id: one.series for one in titles if one.series}
        firsts = [
            one
            for one in self._jellyfin.titles.values()
            if any(two in titles for two in one.versions)
        ]
        above |= {one.id: one for one in firsts}
        entries = [
            self._jellyfin.user_data(one, self._person.id) for one in [*titles, *above.values()]
        ]
        data = {"UserId": self._person.id, "UserDataList": entries}
        return {"MessageType": "UserDataChanged", "MessageId": "0" * 32, "Data": data}

    def _post(self, route: Any, title: Title, source: Title, seconds: int, **more: Any) -> None:
        told = {
            "ItemId": title.id,
            "MediaSourceId": source.id,
            "PositionTicks": seconds * TICKS,
            **more,
        }
        route(self._jellyfin, Request("POST", "/", {}, json.dumps(told).encode()), self._device)

    def _save(self, title: Title, reason: str) -> None:
        state = title.state(self._person.id)
        dated = {"LastPlayedDate": instant(state.last_played)} if state.last_played else {}
        told = {
            "PlaybackPositionTicks": state.position,
            "PlayCount": state.play_count,
            "Favorite": state.favorite,
            "Played": state.played,
            "SaveReason": reason,
        }
        self._waiting.append(self._about("UserDataSaved", title) | told | dated)
        if reason != "PlaybackProgress":
            self._saved[title.id] = title
            self._say_at = self._jellyfin.now() + timedelta(seconds=SAID_AFTER)

    def _tell_player(
        self, kind: str, title: Title, source: Title, seconds: int, **more: Any
    ) -> None:
        told = {
            "PlaybackPositionTicks": seconds * TICKS,
            "MediaSourceId": source.id,
            "IsPaused": False,
            "IsAutomated": False,
            "DeviceId": self._device.id,
            "DeviceName": self._device.name,
            "ClientName": self._device.client,
        }
        self._waiting.append(self._about(kind, title) | told | more)

    def _about(self, kind: str, title: Title) -> dict[str, Any]:
        at = instant(self._jellyfin.now())
        told = {
            "ServerId": self._jellyfin.server_id,
            "ServerName": self._jellyfin.name,
            "ServerVersion": self._jellyfin.version,
            "NotificationType": kind,
            "Timestamp": at.replace("Z", "+00:00"),
            "UtcTimestamp": at,
            "Name": title.name,
            "ItemId": title.id,
            "ItemType": title.type,
            "RunTimeTicks": title.ticks,
            "Year": title.year or None,
            "NotificationUsername": self._person.name,
            "UserId": self._person.id,
        }
        told |= {f"Provider_{provider.lower()}": value for provider, value in title.ids.items()}
        if title.series:
            numbers = {"SeasonNumber": title.season, "EpisodeNumber": title.number}
            told |= {"SeriesName": title.series.name, "SeriesId": title.series.id, **numbers}
        return {name: value for name, value in told.items() if value is not None}


def as_template(told: Mapping[str, Any]) -> dict[str, str]:
    """All in quotes, what is missing as nothing, ids with dashes."""
    return {name: _written(name, told.get(name)) for name in json.loads(TEMPLATE)}


def _written(name: str, value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    if name in _IDS:
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return text
