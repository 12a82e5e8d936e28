"""Plex's webhooks: JSON in the field `payload` of a form, often with a picture beside it.

They name no time of their own: they are sent as it happens. `lastViewedAt` is when the title was
last stopped, finished or marked, which may be the time before.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.guids import own_ids, show_ids
from mydia_web.backends.values import Action, ContentKind, Event, RemoteItem, RemoteShow

KINDS: Mapping[str, ContentKind] = {"movie": "movie", "episode": "episode"}
_ACTIONS: Mapping[str, Action] = {
    "media.play": "playing",
    "media.resume": "playing",
    "media.pause": "paused",
    "media.stop": "stopped",
    "media.scrobble": "played",
}
_FAMILIES = ("media.", "library.", "playback.", "admin.", "device.")


class _Sent(wire.Payload):
    model_config = ConfigDict(alias_generator=to_camel)


class Named(_Sent):
    """An account or a player."""

    id: wire.Id = ""
    title: wire.Text = ""


class Server(_Sent):
    uuid: wire.Id = ""


class Metadata(_Sent):
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


class Said(_Sent):
    event: wire.Text = ""
    account: Annotated[Named, wire.Lenient] = Field(default=Named(), alias="Account")
    server: Annotated[Server, wire.Lenient] = Field(default=Server(), alias="Server")
    player: Annotated[Named, wire.Lenient] = Field(default=Named(), alias="Player")
    metadata: Annotated[Metadata, wire.Lenient] = Field(default=Metadata(), alias="Metadata")


def is_from_here(payload: Mapping[str, Any]) -> bool:
    return wire.text_of(payload.get("event")).startswith(_FAMILIES)


def parse(payload: Mapping[str, Any]) -> Event:
    """Without `at`, for it is sent as it happens: `lastViewedAt` may be that of the time before."""
    said = Said.model_validate(payload)
    if not is_from_here(payload):
        raise BadPayload
    event = about(said, said.event)
    kind, action = KINDS.get(said.metadata.type), _ACTIONS.get(said.event)
    if kind is None or action is None:
        return event
    ids = own_ids(said.metadata.guids, said.metadata.guid)
    shows = show_ids(said.metadata.guid, said.metadata.grandparent_guid)
    return happened(event, action, item(said.metadata, kind, ids, shows), said.metadata)


def about(said: Said, name: str) -> Event:
    """Who speaks of whom."""
    return Event(
        action="other",
        name=name,
        server_id=said.server.uuid,
        remote_user_id=said.account.id,
        remote_user_name=said.account.title,
        device=said.player.title,
    )


def happened(event: Event, action: Action, item: RemoteItem, told: Metadata) -> Event:
    """`viewCount` may be that of the time before, so nothing but a scrobble tells of watched; so
    may `lastViewedAt`.
    """
    if action == "played":
        finished = replace(item, state=wire.state(watched=True, last_played_at=told.last_viewed_at))
        return replace(event, action=action, item=finished, tells_watched=True)
    state = wire.state(position_ms=told.view_offset, last_played_at=told.last_viewed_at)
    return replace(
        event,
        action=action,
        item=replace(item, state=state),
        tells_position=told.view_offset is not None,
    )


def item(
    told: Metadata, kind: ContentKind, ids: dict[str, str], shows: dict[str, str]
) -> RemoteItem:
    is_episode = kind == "episode"
    named = is_episode and told.grandparent_title
    return RemoteItem(
        remote_id=told.rating_key,
        kind=kind,
        title=told.title,
        external_ids=ids,
        year=None if is_episode else told.year,
        runtime_seconds=wire.whole_seconds(told.duration),
        show=RemoteShow(told.grandparent_title, external_ids=shows) if named else None,
        season_number=told.parent_index if is_episode else None,
        episode_number=told.index if is_episode else None,
        air_date=told.originally_available_at if is_episode else None,
    )
