"""Jellyfin's Webhook plugin, destination "Generic": all properties in one flat object, or those of
our template.

Other plugins, and templates of other programs, send a nested object: see `nested.py`.

`UtcTimestamp` is when the event happened. `LastPlayedDate` is when the title was last begun, or the
date that was given with a mark: it dates the play, and says nothing of how new the news are.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ConfigDict

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events import nested
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

#: What the plugin sends where "Send All Properties" is off. All values are quoted: it writes a
#: missing one as nothing, and truth as `True`. Three braces around names, in which it has escaped
#: the quotes already.
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
_OURS = _PLAYBACK | {"userdatasaved"}
#: Why a person's state was saved. A start counts a play already and, before Jellyfin 12, takes the
#: mark away.
_WHILE_PLAYING = {"playbackstart", "playbackprogress"}
_AT_THE_END = "playbackfinished"
_BY_HAND = {"toggleplayed", "updateuserdata", "import"}
_NO_NEWS = "updateuserrating"
_DASHED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class _Said(wire.Payload):
    """Names in lower case: templates may write them as they like."""

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


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return _is_flat(payload) or nested.is_from_here(payload)


def parse(payload: Mapping[str, Any]) -> Event:
    return nested.parse(payload) if nested.is_from_here(payload) else _parse_flat(payload)


def _is_flat(payload: Mapping[str, Any]) -> bool:
    return any(str(name).lower() == "notificationtype" for name in payload)


def _parse_flat(payload: Mapping[str, Any]) -> Event:
    keys = {str(name).lower(): value for name, value in payload.items()}
    said = _Said.model_validate(keys)
    if not said.notification_type:
        raise BadPayload
    kind, type_ = _KINDS.get(said.item_type.lower()), said.notification_type.lower()
    item = _item(said, kind, wire.external_ids(_providers(keys))) if kind else None
    event = Event(
        action="other",
        name=f"{said.notification_type} ({said.save_reason})"
        if said.save_reason
        else said.notification_type,
        server_id=_plain(said.server_id),
        remote_user_id=_plain(said.user_id),
        remote_user_name=_name(said.notification_username),
        at=said.utc_timestamp,
        device=_name(html.unescape(said.device_name)),
    )
    if type_ in _OURS and not said.item_id and not said.name:
        # The plugin's own test is an event of the chosen type about nothing.
        return replace(event, action="test")
    if item is None or type_ not in _OURS:
        return event
    return _playback(event, said, item) if type_ in _PLAYBACK else _saved(event, said, item)


def _saved(event: Event, said: _Said, item: RemoteItem) -> Event:
    """All of the person's state of the title, whatever has altered it."""
    tells_watched, tells_position = (
        said.played is not None,
        said.playback_position_ticks is not None,
    )
    reason = said.save_reason.lower()
    if reason == _NO_NEWS or not (tells_watched or tells_position):
        return event
    state = wire.state(
        said.played, said.playback_position_ticks, said.play_count, said.last_played_date
    )
    return replace(
        event,
        action="marked" if reason in _BY_HAND else "saved",
        item=replace(item, state=state),
        tells_watched=tells_watched,
        tells_position=tells_position,
        is_playing=_is_playing(reason),
    )


def _is_playing(reason: str) -> bool | None:
    if reason in _WHILE_PLAYING:
        return True
    return False if reason == _AT_THE_END else None


def _playback(event: Event, said: _Said, item: RemoteItem) -> Event:
    type_, position = said.notification_type.lower(), said.playback_position_ticks
    has_stopped = type_ == "playbackstop"
    if has_stopped and said.played_to_completion:
        finished = replace(item, state=wire.state(watched=True))
        return replace(event, action="played", item=finished, tells_watched=True, is_playing=False)
    there = replace(item, state=wire.state(position_ms=position))
    tells_position = position is not None
    if has_stopped:
        return replace(
            event, action="stopped", item=there, tells_position=tells_position, is_playing=False
        )
    action: Action = "paused" if said.is_paused else "playing"
    return replace(event, action=action, item=there, tells_position=tells_position, is_playing=True)


def _item(said: _Said, kind: ContentKind, ids: dict[str, str]) -> RemoteItem:
    is_episode = kind == "episode"
    return RemoteItem(
        remote_id=_plain(said.item_id),
        kind=kind,
        title=_name(said.name),
        external_ids=ids,
        year=None if is_episode else said.year,
        runtime_seconds=wire.whole_seconds(said.run_time_ticks),
        show=_show(said) if is_episode and said.series_name else None,
        season_number=said.season_number if is_episode else None,
        episode_number=said.episode_number if is_episode else None,
        air_date=said.premiere_date if is_episode else None,
        path=said.path,
    )


def _show(said: _Said) -> RemoteShow:
    """`Year` is the show's, but the episode's own where nobody knows the show's."""
    return RemoteShow(_name(said.series_name), said.year if said.series_premiere_date else None)


def _providers(keys: Mapping[str, Any]) -> list[tuple[object, object]]:
    return [(name[9:], value) for name, value in keys.items() if name.startswith("provider_")]


def _name(text: str) -> str:
    """The plugin escapes quotes before it writes JSON, which escapes them again."""
    return text.replace('\\"', '"')


def _plain(text: str) -> str:
    """Ids come with dashes out of a template, without them otherwise."""
    return text.replace("-", "").lower() if _DASHED.fullmatch(text) else text
