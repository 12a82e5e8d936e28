"""The webhooks of Jellyfin's plugins.

The Webhook plugin, destination "Generic", sends one flat object: all properties, or those of our
template. `UtcTimestamp` is when the event happened. `LastPlayedDate` is when the title was last
begun, or the date that was given with a mark: it dates the play, and says nothing of how new the
event is.

Other plugins, and templates that people have made for other programs, send a nested object: `Event`
is a word without a dot, next to `Item` with the person's `UserData` inside. Templates may tell no
more than the names, `Played` and the ids of other catalogues, and leave the rest empty.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.emby import ItemPayload, NestedPayload, PascalPayload, finished
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

#: What the plugin sends where "Send All Properties" is off. All values are quoted, because the
#: plugin writes a missing one as nothing, and truth as `True`. Names stand in three braces, because
#: it has escaped their quotes already.
TEMPLATE = """\
{
  "NotificationType": "{{NotificationType}}",
  "SaveReason": "{{SaveReason}}",
  "ServerId": "{{ServerId}}",
  "UserId": "{{UserId}}",
  "NotificationUsername": "{{{NotificationUsername}}}",
  "UtcTimestamp": "{{UtcTimestamp}}",
  "ItemId": "{{ItemId}}",
  "ItemType": "{{ItemType}}",
  "Name": "{{{Name}}}",
  "Year": "{{Year}}",
  "PremiereDate": "{{PremiereDate}}",
  "RunTimeTicks": "{{RunTimeTicks}}",
  "SeriesName": "{{{SeriesName}}}",
  "SeriesPremiereDate": "{{SeriesPremiereDate}}",
  "SeasonNumber": "{{SeasonNumber}}",
  "EpisodeNumber": "{{EpisodeNumber}}",
  "Provider_imdb": "{{Provider_imdb}}",
  "Provider_tmdb": "{{Provider_tmdb}}",
  "Provider_tvdb": "{{Provider_tvdb}}",
  "Played": "{{Played}}",
  "PlayCount": "{{PlayCount}}",
  "LastPlayedDate": "{{LastPlayedDate}}",
  "PlaybackPositionTicks": "{{PlaybackPositionTicks}}",
  "PlayedToCompletion": "{{PlayedToCompletion}}",
  "IsPaused": "{{IsPaused}}",
  "DeviceName": "{{DeviceName}}"
}
"""

_KINDS: Mapping[str, ContentKind] = {"movie": "movie", "episode": "episode"}
_PLAYBACK = {"playbackstart", "playbackprogress", "playbackstop"}
_SAVED = "userdatasaved"
_DASHED_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

#: Why a person's state was saved. A start counts a play already and, before Jellyfin 12, takes the
#: mark away.
_PLAYS_AFTER: Mapping[str, bool] = {
    "playbackstart": True,
    "playbackprogress": True,
    "playbackfinished": False,
}
_BY_HAND = {"toggleplayed", "updateuserdata", "import"}
_RATING = "updateuserrating"

#: The events of a nested object.
_PLAYING: Mapping[str, Action] = {
    "play": "playing",
    "resume": "playing",
    "progress": "playing",
    "pause": "paused",
}
_MARKS = {"markplayed": True, "markunplayed": False}
_FINISHED = "scrobble"
_STOPPED = "stop"


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return _is_flat(payload) or _is_nested(payload)


def parse(payload: Mapping[str, Any]) -> Event:
    if _is_nested(payload):
        return _parse_nested(payload)
    return _parse_flat(payload)


def _is_flat(payload: Mapping[str, Any]) -> bool:
    return any(str(name).lower() == "notificationtype" for name in payload)


def _is_nested(payload: Mapping[str, Any]) -> bool:
    event = wire.text_of(payload.get("Event"))
    is_word = event != "" and "." not in event
    return is_word and isinstance(payload.get("Item"), Mapping)


class _FlatPayload(wire.Payload):
    """Names are in lower case here: templates may write them as they like."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", ""))

    notification_type: wire.Text = ""
    save_reason: wire.Text = ""
    server_id: wire.Id = ""
    user_id: wire.Id = ""
    notification_username: wire.Text = ""
    utc_timestamp: wire.Instant = None
    item_id: wire.Id = ""
    item_type: wire.Text = ""
    name: wire.Text = ""
    path: wire.Text = ""
    year: wire.Year = None
    premiere_date: wire.Day = None
    run_time_ticks: wire.Ticks = None
    series_name: wire.Text = ""
    series_premiere_date: wire.Day = None
    season_number: wire.Number = None
    episode_number: wire.Number = None
    played: wire.Flag = None
    play_count: wire.Number = None
    last_played_date: wire.Instant = None
    playback_position_ticks: wire.Ticks = None
    played_to_completion: wire.Flag = None
    is_paused: wire.Flag = None
    device_name: wire.Text = ""

    @property
    def event_name(self) -> str:
        if not self.save_reason:
            return self.notification_type
        return f"{self.notification_type} ({self.save_reason})"

    def base_event(self) -> Event:
        """Return an event that tells only who sends it about whom."""
        return Event(
            action="other",
            name=self.event_name,
            server_id=_plain(self.server_id),
            remote_user_id=_plain(self.user_id),
            remote_user_name=_name(self.notification_username),
            at=self.utc_timestamp,
            device=_name(html.unescape(self.device_name)),
        )

    def remote_item(self, external_ids: Mapping[str, str]) -> RemoteItem | None:
        """Return the film or episode, None for anything else."""
        kind = _KINDS.get(self.item_type.lower())
        if kind is None:
            return None
        item = RemoteItem(
            remote_id=_plain(self.item_id),
            kind=kind,
            title=_name(self.name),
            external_ids=external_ids,
            year=self.year,
            runtime_seconds=wire.whole_seconds(self.run_time_ticks),
            show=self._show(),
            season_number=self.season_number,
            episode_number=self.episode_number,
            air_date=self.premiere_date,
            path=self.path,
        )
        return wire.fields_of_kind(item)

    def _show(self) -> RemoteShow | None:
        if not self.series_name:
            return None
        show = RemoteShow(title=_name(self.series_name))
        if self.series_premiere_date is None:
            # `Year` is the episode's own where nobody knows the show's.
            return show
        return replace(show, year=self.year)


def _parse_flat(payload: Mapping[str, Any]) -> Event:
    values = {str(name).lower(): value for name, value in payload.items()}
    flat = _FlatPayload.model_validate(values)
    if not flat.notification_type:
        raise BadPayload
    event = flat.base_event()
    type_ = flat.notification_type.lower()
    if type_ not in _PLAYBACK and type_ != _SAVED:
        return event
    if not flat.item_id and not flat.name:
        # The plugin's own test is an event of the chosen type about nothing.
        return replace(event, action="test")
    item = flat.remote_item(_external_ids(values))
    if item is None:
        return event
    if type_ == _SAVED:
        return _saved(event, flat, item)
    return _playback(event, flat, item)


def _saved(event: Event, flat: _FlatPayload, item: RemoteItem) -> Event:
    """Return all of the person's state of the title, whatever has changed it."""
    reason = flat.save_reason.lower()
    tells_watched = flat.played is not None
    tells_position = flat.playback_position_ticks is not None
    tells_state = tells_watched or tells_position
    if reason == _RATING or not tells_state:
        return event
    state = wire.state(
        watched=flat.played,
        position_ms=flat.playback_position_ticks,
        plays=flat.play_count,
        last_played_at=flat.last_played_date,
    )
    return replace(
        event,
        action="marked" if reason in _BY_HAND else "saved",
        item=replace(item, state=state),
        tells_watched=tells_watched,
        tells_position=tells_position,
        is_playing=_PLAYS_AFTER.get(reason),
    )


def _playback(event: Event, flat: _FlatPayload, item: RemoteItem) -> Event:
    has_stopped = flat.notification_type.lower() == "playbackstop"
    if has_stopped and flat.played_to_completion:
        return finished(event, item)
    action: Action = "paused" if flat.is_paused else "playing"
    if has_stopped:
        action = "stopped"
    position_ms = flat.playback_position_ticks
    return replace(
        event,
        action=action,
        item=replace(item, state=wire.state(position_ms=position_ms)),
        tells_position=position_ms is not None,
        is_playing=not has_stopped,
    )


def _external_ids(values: Mapping[str, Any]) -> dict[str, str]:
    return wire.external_ids(
        (name.removeprefix("provider_"), value)
        for name, value in values.items()
        if name.startswith("provider_")
    )


def _name(text: str) -> str:
    """Undo one of two escapes: the plugin escapes quotes before it writes JSON."""
    return text.replace('\\"', '"')


def _plain(text: str) -> str:
    """Return an id without dashes, which it has in a template and not otherwise."""
    if not _DASHED_ID.fullmatch(text):
        return text
    return text.replace("-", "").lower()


class _UserDataPayload(PascalPayload):
    played: wire.Flag = None
    playback_position_ticks: wire.Ticks = None
    play_count: wire.Number = None
    last_played_date: wire.Instant = None

    @property
    def tells_position(self) -> bool:
        return self.playback_position_ticks is not None


class _NestedItem(ItemPayload):
    user_data: Annotated[_UserDataPayload, wire.Lenient] = _UserDataPayload()


class _JellyfinPayload(NestedPayload):
    item: Annotated[_NestedItem, wire.Lenient] = _NestedItem()


def _parse_nested(payload: Mapping[str, Any]) -> Event:
    nested = _JellyfinPayload.model_validate(payload)
    event = nested.base_event()
    name = nested.event.lower()
    item = nested.item.remote_item()
    if item is None:
        return event
    if name == _FINISHED:
        return finished(event, item)
    if name in _PLAYING:
        # What is kept of it meanwhile is as old as the last time it was saved.
        return replace(event, action=_PLAYING[name], item=item, is_playing=True)
    data = nested.item.user_data
    item = _with_state(item, data)
    if name in _MARKS:
        return _marked(event, item, data, watched=_MARKS[name])
    if name == _STOPPED:
        return _stopped(event, item, data)
    return event


def _marked(event: Event, item: RemoteItem, data: _UserDataPayload, *, watched: bool) -> Event:
    assert item.state is not None
    return replace(
        event,
        action="marked",
        item=replace(item, state=replace(item.state, watched=watched)),
        tells_watched=True,
        tells_position=data.tells_position,
    )


def _stopped(event: Event, item: RemoteItem, data: _UserDataPayload) -> Event:
    """Read a stop: the mark alone says that the title was played to its end.

    With mark and position it is all that the server keeps.
    """
    if data.played and not data.tells_position:
        return finished(event, item)
    tells_all = data.tells_position and data.played is not None
    return replace(
        event,
        action="saved" if tells_all else "stopped",
        item=item,
        tells_watched=tells_all,
        tells_position=data.tells_position,
        is_playing=False,
    )


def _with_state(item: RemoteItem, data: _UserDataPayload) -> RemoteItem:
    state = wire.state(
        watched=data.played,
        position_ms=data.playback_position_ticks,
        plays=data.play_count,
        last_played_at=data.last_played_date,
    )
    return replace(item, state=state)
