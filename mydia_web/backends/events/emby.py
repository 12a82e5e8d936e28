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

_KINDS: Mapping[str, ContentKind] = {"Movie": "movie", "Episode": "episode"}
_PLAYBACK: Mapping[str, Action] = {
    "playback.start": "playing",
    "playback.unpause": "playing",
    "playback.pause": "paused",
    "playback.stop": "stopped",
}
_MARKS = {"item.markplayed": True, "item.markunplayed": False}
_TEST = "system.notificationtest"


class PascalPayload(wire.Payload):
    model_config = ConfigDict(alias_generator=to_pascal)


class Named(PascalPayload):
    """A person or a server."""

    id: wire.Id = ""
    name: wire.Text = ""


class ItemPayload(PascalPayload):
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

    def remote_item(self) -> RemoteItem | None:
        """Return the film or episode, None for anything else.

        The ids are the episode's own; of its show only the name is told.
        """
        kind = _KINDS.get(self.type.capitalize())
        if kind is None:
            return None
        show = None
        if self.series_name:
            show = RemoteShow(title=self.series_name)
        item = RemoteItem(
            remote_id=self.id,
            kind=kind,
            title=self.name,
            external_ids=wire.external_ids(self.provider_ids.items()),
            year=self.production_year,
            runtime_seconds=wire.whole_seconds(self.run_time_ticks),
            show=show,
            season_number=self.parent_index_number,
            episode_number=self.index_number,
            air_date=self.premiere_date,
            path=self.path,
        )
        return wire.fields_of_kind(item)


class _SessionPayload(PascalPayload):
    device_name: wire.Text = ""


class NestedPayload(PascalPayload):
    event: wire.Text = ""
    user: Annotated[Named, wire.Lenient] = Named()
    server: Annotated[Named, wire.Lenient] = Named()
    session: Annotated[_SessionPayload, wire.Lenient] = _SessionPayload()

    def base_event(self) -> Event:
        """Return an event that tells only who sends it about whom."""
        return Event(
            action="other",
            name=self.event,
            server_id=self.server.id,
            remote_user_id=self.user.id,
            remote_user_name=self.user.name,
            device=self.session.device_name,
        )


class _PlaybackPayload(PascalPayload):
    """Unlike `Session.PlayState`, this is never about an episode that follows by itself."""

    position_ticks: wire.Ticks = None
    played_to_completion: wire.Flag = None


class _EmbyPayload(NestedPayload):
    date: wire.Instant = None
    item: Annotated[ItemPayload, wire.Lenient] = ItemPayload()
    playback_info: Annotated[_PlaybackPayload, wire.Lenient] = _PlaybackPayload()


def is_from_here(payload: Mapping[str, Any]) -> bool:
    """Return whether the name of the event has a dot.

    Those of plugins for Jellyfin, which look alike otherwise, have none.
    """
    return "." in wire.text_of(payload.get("Event"))


def parse(payload: Mapping[str, Any]) -> Event:
    emby = _EmbyPayload.model_validate(payload)
    if not emby.event:
        raise BadPayload
    name = emby.event.lower()
    event = replace(emby.base_event(), at=emby.date)
    if name == _TEST:
        return replace(event, action="test")
    item = emby.item.remote_item()
    if item is None:
        return event
    if name in _MARKS:
        marked = replace(item, state=wire.state(watched=_MARKS[name]))
        return replace(event, action="marked", item=marked, tells_watched=True)
    if name in _PLAYBACK:
        return _playback(event, _PLAYBACK[name], item, emby.playback_info)
    return event


def _playback(event: Event, action: Action, item: RemoteItem, playback: _PlaybackPayload) -> Event:
    if action == "stopped" and playback.played_to_completion:
        return finished(event, item)
    position_ms = playback.position_ticks
    return replace(
        event,
        action=action,
        item=replace(item, state=wire.state(position_ms=position_ms)),
        tells_position=position_ms is not None,
    )


def finished(event: Event, item: RemoteItem) -> Event:
    """Return the event of a title that was played to its end."""
    return replace(
        event,
        action="played",
        item=replace(item, state=wire.state(watched=True)),
        tells_watched=True,
        is_playing=False,
    )
