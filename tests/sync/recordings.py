"""Recordings of real servers: what was said when, what the server itself held, and who played
what.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes.mediabrowser_library import parsed

FOLDER = Path(__file__).parents[1] / "recordings"
#: The ways by which the same acts were recorded, each in a file of its own.
TEMPLATE, ALL, SOCKET = "webhooks-template", "webhooks-all", "websocket"
#: Members that hold an instant.
_INSTANTS = {"UtcTimestamp", "Timestamp", "LastPlayedDate"}
_TO_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(.*)")


@dataclass(frozen=True, slots=True)
class Said:
    """One message, so many seconds after the recording began."""

    t: float
    way: str
    body: Any
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """What the server itself kept of one person's title from then on."""

    t: float
    person_id: str
    item_id: str
    played: bool
    ticks: int
    play_count: int
    last_played: datetime | None


@dataclass(frozen=True, slots=True)
class Played:
    """From then on the title plays; None: nothing does."""

    t: float
    person_id: str
    item_id: str | None
    ticks: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did, and what the server itself held afterwards, by the names of titles."""

    t: float
    until: float
    name: str
    state_after: Mapping[str, Mapping[str, Any]]


@dataclass
class RecordedTitle:
    """A title, as messages tell of it."""

    id: str
    kind: str
    name: str
    ticks: int
    year: int
    ids: Mapping[str, str]
    series: str = ""
    series_id: str = ""
    season: int | None = None
    number: int | None = None
    #: By their ids.
    versions: dict[str, int] = field(default_factory=dict)


class Recording:
    """One recorded server. Instants are as they were told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines = {
            way: list(_read(FOLDER / name / f"{way}.jsonl")) for way in (TEMPLATE, ALL, SOCKET)
        }
        self._bodies = [(line["t"], line["body"]) for line in self._lines[ALL] if "body" in line]
        #: When it began by the server's clock: no message comes before it was sent.
        self.began_at = max(
            parsed(line["body"]["UtcTimestamp"]) - timedelta(seconds=line["t"])
            for way in (TEMPLATE, ALL)
            for line in self._lines[way]
            if "body" in line
        )

    @property
    def server_id(self) -> str:
        return str(self._bodies[0][1]["ServerId"])

    @property
    def people(self) -> dict[str, str]:
        """Their ids, by name."""
        return {body["NotificationUsername"]: body["UserId"] for _, body in self._bodies}

    def said(self, way: str) -> Iterator[Said]:
        for line in self._lines[way]:
            if "body" in line or "message" in line:
                body = line["body"] if "body" in line else line["message"]
                yield Said(line["t"], way, body, line.get("content_type", ""))

    def acts(self) -> list[Act]:
        """Each lasts until the next."""
        begun = [(line["t"], line["act"]) for line in self._lines[ALL] if "act" in line]
        after = [line["state_after"] for line in self._lines[ALL] if "state_after" in line]
        ends = [t for t, _ in begun[1:]] + [max(lines[-1]["t"] for lines in self._lines.values())]
        return [
            Act(t, until, name, state)
            for (t, name), until, state in zip(begun, ends, after, strict=True)
        ]

    def saved(self) -> Iterator[Saved]:
        """All that the server saved, at the moment at which it did."""
        for _, body in self._bodies:
            if body["NotificationType"] == "UserDataSaved":
                yield Saved(
                    self._moment(body),
                    body["UserId"],
                    body["ItemId"],
                    body["Played"],
                    body["PlaybackPositionTicks"],
                    body["PlayCount"],
                    parsed(body["LastPlayedDate"]) if body.get("LastPlayedDate") else None,
                )

    def played(self) -> Iterator[Played]:
        """A player is there before its start is saved, and gone before its end is."""
        for _, body in self._bodies:
            t, person, reason = self._moment(body), body["UserId"], body.get("SaveReason")
            if reason == "PlaybackStart":
                start = self._start_near(t)
                yield Played(t, person, start["ItemId"], start["PlaybackPositionTicks"])
            elif reason == "PlaybackFinished":
                yield Played(t, person, None)
            elif body["NotificationType"] == "PlaybackProgress":
                yield Played(
                    t, person, body["ItemId"], body["PlaybackPositionTicks"], body["IsPaused"]
                )

    def titles(self) -> list[RecordedTitle]:
        """A further version stands with the first."""
        told = {body["ItemId"]: body for _, body in self._bodies}
        further = {
            body["MediaSourceId"]: body["ItemId"]
            for _, body in self._bodies
            if body.get("MediaSourceId", body["ItemId"]) != body["ItemId"]
        }
        titles = {item_id: _title(body) for item_id, body in told.items() if item_id not in further}
        for version, first in further.items():
            titles[first].versions[version] = int(told.get(version, told[first])["RunTimeTicks"])
        return list(titles.values())

    def _start_near(self, t: float) -> Mapping[str, Any]:
        """Of a further version it names the first."""
        starts = [body for _, body in self._bodies if body["NotificationType"] == "PlaybackStart"]
        return min(starts, key=lambda start: abs(self._moment(start) - t))

    def _moment(self, body: Mapping[str, Any]) -> float:
        return (parsed(body["UtcTimestamp"]) - self.began_at).total_seconds()


def moved(told: Any, by: timedelta) -> Any:
    """The same with its instants moved by whole seconds, each written as it was."""
    if isinstance(told, dict):
        return {
            name: _later(value, by) if name in _INSTANTS and value else moved(value, by)
            for name, value in told.items()
        }
    return [moved(one, by) for one in told] if isinstance(told, list) else told


def _later(instant: str, by: timedelta) -> str:
    found = _TO_SECONDS.fullmatch(instant)
    assert found, instant
    at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC) + by
    return f"{at:%Y-%m-%dT%H:%M:%S}{found[2]}"


def _title(body: Mapping[str, Any]) -> RecordedTitle:
    ids = {
        name.removeprefix("Provider_"): body[name] for name in body if name.startswith("Provider_")
    }
    return RecordedTitle(
        body["ItemId"],
        body["ItemType"],
        body["Name"],
        int(body["RunTimeTicks"]),
        body["Year"],
        ids,
        body.get("SeriesName", ""),
        body.get("SeriesId", ""),
        body.get("SeasonNumber"),
        body.get("EpisodeNumber"),
    )


def _read(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
