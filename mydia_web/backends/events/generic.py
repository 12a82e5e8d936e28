"""Our own JSON for the events of anything else, such as a script or a player.

docs/webhooks.md explains it. `at` is when it happened: with `watched` when the title was finished,
with `progress` when the person was there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

#: An example with every field, to copy.
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


def _seconds_to_ms(value: object) -> object:
    if isinstance(value, str):
        try:
            value = float(value[:40])
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 2**31:  # type: ignore[operator]
        return None
    return round(value * 1000)  # type: ignore[operator]


_Seconds = Annotated[wire.Millis, BeforeValidator(_seconds_to_ms)]


class _ShowPayload(wire.Payload):
    title: wire.Text = ""
    year: wire.Year = None
    ids: wire.Ids = Field(default_factory=dict)

    def remote_show(self) -> RemoteShow | None:
        ids = wire.external_ids(self.ids.items())
        if not self.title and not ids:
            return None
        return RemoteShow(title=self.title, year=self.year, external_ids=ids)


class _GenericPayload(wire.Payload):
    event: wire.Text = ""
    user: wire.Text = ""
    id: wire.Id = ""
    type: wire.Text = ""
    title: wire.Text = ""
    year: wire.Year = None
    ids: wire.Ids = Field(default_factory=dict)
    show: Annotated[_ShowPayload, wire.Lenient] = _ShowPayload()
    season: wire.Number = None
    episode: wire.Number = None
    position_seconds: _Seconds = None
    duration_seconds: _Seconds = None
    at: wire.Instant = None
    device: wire.Text = ""

    def remote_item(self) -> RemoteItem:
        kind = _TYPES.get(self.type.lower())
        if kind is None:
            raise BadPayload("The field “type” is missing or unknown. It is “movie” or “episode”.")
        item = RemoteItem(
            remote_id=self.id,
            kind=kind,
            title=self.title,
            external_ids=wire.external_ids(self.ids.items()),
            year=self.year,
            runtime_seconds=wire.whole_seconds(self.duration_seconds),
            show=self.show.remote_show(),
            season_number=self.season,
            episode_number=self.episode,
        )
        return wire.fields_of_kind(item)


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return bool(wire.text_of(payload.get("event")))


def parse(payload: Mapping[str, Any]) -> Event:
    generic = _GenericPayload.model_validate(payload)
    if not generic.event:
        names = ", ".join([*_ACTIONS, "test"])
        raise BadPayload(f"The field “event” is missing. It is one of: {names}.")
    name = generic.event.lower()
    event = Event(
        action="test" if name == "test" else "other",
        name=generic.event,
        remote_user_name=generic.user,
        at=generic.at,
        device=generic.device,
    )
    if name not in _ACTIONS:
        return event
    position_ms = generic.position_seconds
    if name == "progress" and position_ms is None:
        raise BadPayload("“progress” needs “position_seconds”, a number that is not negative.")
    item = generic.remote_item()
    _check_names_title(item)
    event = replace(event, action=_ACTIONS[name])
    if name in _WATCHED:
        marked = replace(item, state=wire.state(watched=_WATCHED[name]))
        return replace(event, item=marked, tells_watched=True)
    return replace(
        event,
        item=replace(item, state=wire.state(position_ms=position_ms)),
        tells_position=position_ms is not None,
    )


def _check_names_title(item: RemoteItem) -> None:
    if item.remote_id or item.external_ids:
        return
    if item.kind == "movie":
        is_named = item.title != ""
    else:
        is_named = None not in (item.show, item.season_number, item.episode_number)
    if not is_named:
        raise BadPayload(
            "It does not say which title it is about. A film needs “id”, “ids” or “title”; "
            "an episode needs “id”, “ids”, or “show” with “season” and “episode”."
        )
