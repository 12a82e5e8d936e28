"""Plex's webhooks: JSON in the field `payload` of a form, often with a picture next to it.

They name no time of their own, for they are sent as it happens. `lastViewedAt` is when the title
was last stopped, finished or marked, which may be the time before.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

_KINDS: Mapping[str, ContentKind] = {"movie": "movie", "episode": "episode"}
ACTIONS: Mapping[str, Action] = {
    "media.play": "playing",
    "media.resume": "playing",
    "media.pause": "paused",
    "media.stop": "stopped",
    "media.scrobble": "played",
}
_FAMILIES = ("media.", "library.", "playback.", "admin.", "device.")

#: The providers of the agents before 2020, by the names of the agents.
_AGENTS = {
    "imdb": "imdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
    "xbmcnfo": "imdb",
    "xbmcnfotv": "tvdb",
}
_LEGACY_GUID = re.compile(r"com\.plexapp\.agents\.(\w+)://([^?]+)")
#: HAMA names the provider in the id; tvdb2 to tvdb6 are other orders of the same show.
_HAMA_ID = re.compile(r"(imdb|tmdb|tvdb)\d?-(.+)")


class _CamelPayload(wire.Payload):
    model_config = ConfigDict(alias_generator=to_camel)


class _Named(_CamelPayload):
    """An account or a player."""

    id: wire.Id = ""
    title: wire.Text = ""


class _Server(_CamelPayload):
    uuid: wire.Id = ""


class Metadata(_CamelPayload):
    rating_key: wire.Id = ""
    type: wire.Text = ""
    title: wire.Text = ""
    year: wire.Year = None
    duration: wire.Millis = None
    view_offset: wire.Millis = None
    last_viewed_at: wire.Epoch = None
    guid: Any = None
    guids: Any = Field(default=None, alias="Guid")
    grandparent_guid: Any = None
    grandparent_title: wire.Text = ""
    index: wire.Number = None
    parent_index: wire.Number = None
    originally_available_at: wire.Day = None

    def remote_item(self) -> RemoteItem | None:
        """Return the film or episode, None for anything else."""
        kind = _KINDS.get(self.type)
        if kind is None:
            return None
        show = None
        if self.grandparent_title:
            show_ids = guid_show_ids(self.guid, self.grandparent_guid)
            show = RemoteShow(title=self.grandparent_title, external_ids=show_ids)
        item = RemoteItem(
            remote_id=self.rating_key,
            kind=kind,
            title=self.title,
            external_ids=guid_ids(self.guids, self.guid),
            year=self.year,
            runtime_seconds=wire.whole_seconds(self.duration),
            show=show,
            season_number=self.parent_index,
            episode_number=self.index,
            air_date=self.originally_available_at,
        )
        return wire.fields_of_kind(item)


class PlexPayload(_CamelPayload):
    event: wire.Text = ""
    account: Annotated[_Named, wire.Lenient] = Field(default=_Named(), alias="Account")
    server: Annotated[_Server, wire.Lenient] = Field(default=_Server(), alias="Server")
    player: Annotated[_Named, wire.Lenient] = Field(default=_Named(), alias="Player")
    metadata: Annotated[Metadata, wire.Lenient] = Field(default=Metadata(), alias="Metadata")

    def base_event(self) -> Event:
        """Return an event that tells only who sends it about whom."""
        return Event(
            action="other",
            name=self.event,
            server_id=self.server.uuid,
            remote_user_id=self.account.id,
            remote_user_name=self.account.title,
            device=self.player.title,
        )


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return wire.text_of(payload.get("event")).startswith(_FAMILIES)


def parse(payload: Mapping[str, Any]) -> Event:
    """Return an event without `at`: `lastViewedAt` may be that of the time before."""
    if not is_from_here(payload):
        raise BadPayload
    plex = PlexPayload.model_validate(payload)
    event = plex.base_event()
    action = ACTIONS.get(plex.event)
    item = plex.metadata.remote_item()
    if action is None or item is None:
        return event
    return playback(event, action, item, plex.metadata)


def playback(event: Event, action: Action, item: RemoteItem, metadata: Metadata) -> Event:
    """Return what a player did.

    Only a scrobble tells of watched, because `viewCount` may be that of the time before, and so may
    `lastViewedAt`.
    """
    if action == "played":
        state = wire.state(watched=True, last_played_at=metadata.last_viewed_at)
        finished = replace(item, state=state)
        return replace(event, action=action, item=finished, tells_watched=True)
    position_ms = metadata.view_offset
    state = wire.state(position_ms=position_ms, last_played_at=metadata.last_viewed_at)
    return replace(
        event,
        action=action,
        item=replace(item, state=state),
        tells_position=position_ms is not None,
    )


@dataclass(frozen=True, slots=True)
class _LegacyGuid:
    """A guid of an agent before 2020. With a season below it names the show of an episode."""

    provider: str
    value: str
    names_show: bool


def guid_ids(*sources: object) -> dict[str, str]:
    """Return a title's own ids in guids such as `imdb://tt…`, and in those of older agents."""
    pairs: list[tuple[object, object]] = []
    for guid in _guids(sources):
        legacy = _legacy(guid)
        if legacy is None:
            provider, _, value = guid.partition("://")
            pairs.append((provider, value))
        elif not legacy.names_show:
            pairs.append((legacy.provider, legacy.value))
    return wire.external_ids(pairs)


def guid_show_ids(*sources: object) -> dict[str, str]:
    """Return the ids of a show in the guids of older agents, also in those of its episodes."""
    legacy_guids = filter(None, map(_legacy, _guids(sources)))
    return wire.external_ids((guid.provider, guid.value) for guid in legacy_guids)


def _legacy(guid: str) -> _LegacyGuid | None:
    match = _LEGACY_GUID.match(guid)
    if match is None:
        return None
    agent = match[1].lower()
    value, *below = match[2].split("/")
    hama = _HAMA_ID.fullmatch(value)
    if agent == "hama" and hama:
        return _LegacyGuid(hama[1], hama[2], names_show=bool(below))
    return _LegacyGuid(_AGENTS.get(agent, ""), value, names_show=bool(below))


def _guids(sources: tuple[object, ...]) -> Iterator[str]:
    """Yield guids from guids, lists of them, and lists of objects that have them as `id`."""
    for source in sources:
        guids = source if isinstance(source, list) else [source]
        for guid in guids:
            if isinstance(guid, dict):
                guid = guid.get("id")
            yield wire.text_of(guid)
