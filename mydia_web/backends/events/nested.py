"""A nested object, as other plugins of Jellyfin send it, and templates that people have made for
other programs.

`Event` is a word without a dot, beside `Item` with the person's `UserData` inside. Templates may
tell no more than the names, `Played` and the ids of other catalogues, and leave those empty that
they do not know.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from mydia_web.backends import wire
from mydia_web.backends.events.emby import KINDS, Named, Sent, SentItem, SentSession, read_item
from mydia_web.backends.values import Action, Event, RemoteItem, RemoteState

_PLAYING: Mapping[str, Action] = {
    "play": "playing",
    "resume": "playing",
    "progress": "playing",
    "pause": "paused",
}
_MARKS = {"markplayed": True, "markunplayed": False}
_FINISHED = "scrobble"
_STOPPED = "stop"


class _UserData(Sent):
    played: wire.Flag = None
    playback_position_ticks: wire.Ticks = None
    play_count: wire.Number = None
    last_played_date: wire.Instant = None


class _Item(SentItem):
    user_data: Annotated[_UserData, wire.Lenient] = _UserData()


class _Said(Sent):
    event: wire.Text = ""
    user: Annotated[Named, wire.Lenient] = Named()
    server: Annotated[Named, wire.Lenient] = Named()
    item: Annotated[_Item, wire.Lenient] = _Item()
    session: Annotated[SentSession, wire.Lenient] = SentSession()


def is_from_here(payload: Mapping[str, Any]) -> bool:
    event = wire.text_of(payload.get("Event"))
    return bool(event) and "." not in event and isinstance(payload.get("Item"), Mapping)


def parse(payload: Mapping[str, Any]) -> Event:
    said = _Said.model_validate(payload)
    event = Event(
        action="other",
        name=said.event,
        server_id=said.server.id,
        remote_user_id=said.user.id,
        remote_user_name=said.user.name,
        device=said.session.device_name,
    )
    kind = KINDS.get(said.item.type.capitalize())
    if kind is None:
        return event
    name, item, data = said.event.lower(), read_item(said.item, kind), said.item.user_data
    if name in _MARKS:
        return _marked(event, item, data, watched=_MARKS[name])
    if name == _FINISHED:
        return _finished(event, item)
    if name == _STOPPED:
        return _stopped(event, item, data)
    # What is kept of it meanwhile is as old as the last time it was saved.
    return (
        replace(event, action=_PLAYING[name], item=item, is_playing=True)
        if name in _PLAYING
        else event
    )


def _marked(event: Event, item: RemoteItem, data: _UserData, *, watched: bool) -> Event:
    state = replace(_state(data), watched=watched)
    tells_position = data.playback_position_ticks is not None
    item = replace(item, state=state)
    return replace(
        event, action="marked", item=item, tells_watched=True, tells_position=tells_position
    )


def _finished(event: Event, item: RemoteItem) -> Event:
    item = replace(item, state=wire.state(watched=True))
    return replace(event, action="played", item=item, tells_watched=True, is_playing=False)


def _stopped(event: Event, item: RemoteItem, data: _UserData) -> Event:
    """With mark and position it is all that the server keeps. The mark alone says that it was
    played to its end.
    """
    tells_position = data.playback_position_ticks is not None
    if data.played and not tells_position:
        return _finished(event, item)
    item = replace(item, state=_state(data))
    tells_all = tells_position and data.played is not None
    return replace(
        event,
        action="saved" if tells_all else "stopped",
        item=item,
        tells_watched=tells_all,
        tells_position=tells_position,
        is_playing=False,
    )


def _state(data: _UserData) -> RemoteState:
    return wire.state(
        data.played, data.playback_position_ticks, data.play_count, data.last_played_date
    )
