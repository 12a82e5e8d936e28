"""Emby's webhooks: a nested object, sent as JSON or as the field `data` of a form.

`Date` is when the event happened. Nothing tells when a play began.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

KINDS: Mapping[str, ContentKind] = {"Movie": "movie", "Episode": "episode"}
_PLAYBACK: Mapping[str, Action] = {
    "playback.start": "playing",
    "playback.unpause": "playing",
    "playback.pause": "paused",
    "playback.stop": "stopped",
}
_MARKS = {"item.markplayed": True, "item.markunplayed": False}


class Sent(wire.Payload):
    model_config = ConfigDict(alias_generator=to_pascal)


class Named(Sent):
    """A person or a server."""

    id: wire.Id = ""
    name: wire.Text = ""


class SentItem(Sent):
    id: wire.Id = ""
    type: wire.Text = ""
    name: wire.Text = ""
    path: wire.Text = ""
    production_year: wire.Year = None
    premiere_date: wire.Day = None
    run_time_ticks: wire.Ticks = None
    provider_ids: wire.Ids = Field(default_factory=dict)
    series_name: wire.Text = ""
    parent_index_number: wire.Number = None
    index_number: wire.Number = None


class SentSession(Sent):
    device_name: wire.Text = ""


class _Playback(Sent):
    """Not `Session.PlayState`: when the next episode follows by itself, that is about the next one
    already.
    """

    position_ticks: wire.Ticks = None
    played_to_completion: wire.Flag = None


class _Said(Sent):
    event: wire.Text = ""
    date: wire.Instant = None
    user: Annotated[Named, wire.Lenient] = Named()
    server: Annotated[Named, wire.Lenient] = Named()
    item: Annotated[SentItem, wire.Lenient] = SentItem()
    session: Annotated[SentSession, wire.Lenient] = SentSession()
    playback_info: Annotated[_Playback, wire.Lenient] = _Playback()


def is_from_here(payload: Mapping[str, Any]) -> bool:
    """Its events have a dot in their names; those of plugins for Jellyfin, which look alike else,
    have none.
    """
    return "." in wire.text_of(payload.get("Event"))


def parse(payload: Mapping[str, Any]) -> Event:
    said = _Said.model_validate(payload)
    if not said.event:
        raise BadPayload
    name = said.event.lower()
    event = Event(
        action="test" if name == "system.notificationtest" else "other",
        name=said.event,
        server_id=said.server.id,
        remote_user_id=said.user.id,
        remote_user_name=said.user.name,
        at=said.date,
        device=said.session.device_name,
    )
    kind = KINDS.get(said.item.type)
    if kind is None:
        return event
    item = read_item(said.item, kind)
    if name in _MARKS:
        marked = replace(item, state=wire.state(watched=_MARKS[name]))
        return replace(event, action="marked", item=marked, tells_watched=True)
    return _playback(event, said.playback_info, item) if name in _PLAYBACK else event


def _playback(event: Event, playback: _Playback, item: RemoteItem) -> Event:
    action = _PLAYBACK[event.name.lower()]
    if action == "stopped" and playback.played_to_completion:
        finished = replace(item, state=wire.state(watched=True))
        return replace(event, action="played", item=finished, tells_watched=True, is_playing=False)
    position = playback.position_ticks
    there = replace(item, state=wire.state(position_ms=position))
    return replace(event, action=action, item=there, tells_position=position is not None)


def read_item(item: SentItem, kind: ContentKind) -> RemoteItem:
    """The ids are the episode's own; of its show Emby tells the name only."""
    is_episode = kind == "episode"
    return RemoteItem(
        remote_id=item.id,
        kind=kind,
        title=item.name,
        external_ids=wire.external_ids(item.provider_ids.items()),
        year=None if is_episode else item.production_year,
        runtime_seconds=wire.whole_seconds(item.run_time_ticks),
        show=RemoteShow(item.series_name) if is_episode and item.series_name else None,
        season_number=item.parent_index_number if is_episode else None,
        episode_number=item.index_number if is_episode else None,
        air_date=item.premiere_date if is_episode else None,
        path=item.path,
    )
