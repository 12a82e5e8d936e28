"""Our own words for the news of anything else, such as a script or a player. docs/webhooks.md
explains them.

`at` is when it happened: of `watched` when the title was finished, of `progress` when the person
was there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

#: One of each field, for copying.
TEMPLATE = """\
{
  "event": "progress",
  "user": "alice",
  "type": "episode",
  "title": "Good News About Hell",
  "ids": {"imdb": "tt11650328", "tmdb": "2096384", "tvdb": "7928048"},
  "show": {"title": "Severance", "year": 2022, "ids": {"imdb": "tt11280740"}},
  "season": 1,
  "episode": 1,
  "position_seconds": 1250,
  "duration_seconds": 3420,
  "at": "2026-11-21T20:04:05Z",
  "id": "my-player:17"
}
"""

_ACTIONS: Mapping[str, Action] = {
    "watched": "played",
    "unwatched": "marked",
    "progress": "state",
    "playing": "playing",
    "paused": "paused",
    "stopped": "stopped",
}
_WATCHED = {"watched": True, "unwatched": False}
_TYPES: Mapping[str, ContentKind] = {"movie": "movie", "episode": "episode"}


def _seconds(value: object) -> object:
    """To milliseconds."""
    if isinstance(value, str):
        try:
            value = float(value[:40])
        except ValueError:
            return None
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31
    return round(value * 1000) if known else None  # type: ignore[operator]


_Seconds = Annotated[wire.Millis, BeforeValidator(_seconds)]


class _Show(wire.Payload):
    title: wire.Text = ""
    year: wire.Year = None
    ids: wire.Ids = Field(default_factory=dict)


class _Said(wire.Payload):
    event: wire.Text = ""
    user: wire.Text = ""
    id: wire.Id = ""
    type: wire.Text = ""
    title: wire.Text = ""
    year: wire.Year = None
    ids: wire.Ids = Field(default_factory=dict)
    show: Annotated[_Show, wire.Lenient] = _Show()
    season: wire.Number = None
    episode: wire.Number = None
    position_seconds: _Seconds = None
    duration_seconds: _Seconds = None
    at: wire.Instant = None
    device: wire.Text = ""


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return bool(wire.text_of(payload.get("event")))


def parse(payload: Mapping[str, Any]) -> Event:
    said = _Said.model_validate(payload)
    if not said.event:
        raise BadPayload(
            "The field “event” is missing. It is one of: " + ", ".join([*_ACTIONS, "test"]) + "."
        )
    name = said.event.lower()
    event = Event(
        action="test" if name == "test" else "other",
        name=said.event,
        remote_user_name=said.user,
        at=said.at,
        device=said.device,
    )
    if name not in _ACTIONS:
        return event
    if name == "progress" and said.position_seconds is None:
        raise BadPayload("“progress” needs “position_seconds”, a number that is not negative.")
    item = _item(said)
    return replace(
        event,
        action=_ACTIONS[name],
        item=replace(item, state=wire.state(_WATCHED.get(name), _position(said))),
        tells_watched=name in _WATCHED,
        tells_position=_position(said) is not None,
    )


def _position(said: _Said) -> int | None:
    return None if said.event.lower() in _WATCHED else said.position_seconds


def _item(said: _Said) -> RemoteItem:
    kind = _TYPES.get(said.type.lower())
    if kind is None:
        raise BadPayload("The field “type” is missing or unknown. It is “movie” or “episode”.")
    ids = wire.external_ids(said.ids.items())
    show = _show(said.show) if kind == "episode" else None
    by_place = show is not None and said.season is not None and said.episode is not None
    if not (said.id or ids or (said.title if kind == "movie" else by_place)):
        raise BadPayload(
            "It does not say which title it is about. A film needs “id”, “ids” or “title”; an episode needs “id”, "
            "“ids”, or “show” with “season” and “episode”."
        )
    return RemoteItem(
        remote_id=said.id,
        kind=kind,
        title=said.title,
        external_ids=ids,
        year=said.year if kind == "movie" else None,
        runtime_seconds=wire.whole_seconds(said.duration_seconds),
        show=show,
        season_number=said.season if kind == "episode" else None,
        episode_number=said.episode if kind == "episode" else None,
    )


def _show(show: _Show) -> RemoteShow | None:
    ids = wire.external_ids(show.ids.items())
    return RemoteShow(show.title, show.year, ids) if show.title or ids else None
