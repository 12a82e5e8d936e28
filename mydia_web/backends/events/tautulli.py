"""Tautulli's webhook agent, which watches a Plex server: JSON of our template, in the shape of
Plex's own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events import plex
from mydia_web.backends.events.guids import own_ids, show_ids
from mydia_web.backends.values import Action, Event

#: `{title}` of an episode names its show too, so that both titles are sent.
TEMPLATE = """\
{
  "event": "tautulli.{action}",
  "Account": {"id": "{user_id}", "title": "{username}"},
  "Server": {"uuid": "{server_machine_id}"},
  "Player": {"title": "{player}"},
  "Metadata": {
    "ratingKey": "{rating_key}",
    "type": "{media_type}",
    "title": "{episode_name}",
    "fullTitle": "{title}",
    "grandparentTitle": "{show_name}",
    "parentIndex": "{season_num}",
    "index": "{episode_num}",
    "year": "{year}",
    "duration": "{duration_ms}",
    "viewOffset": "{view_offset}",
    "Guids": {"imdb": "{imdb_id}", "tmdb": "{themoviedb_id}", "tvdb": "{thetvdb_id}"}
  }
}
"""

_ACTIONS: Mapping[str, Action] = {
    "tautulli.play": "playing",
    "tautulli.resume": "playing",
    "tautulli.pause": "paused",
    "tautulli.stop": "stopped",
    "tautulli.watched": "played",
    # Templates that were made for others say it in Plex's words.
    "media.play": "playing",
    "media.resume": "playing",
    "media.pause": "paused",
    "media.stop": "stopped",
    "media.scrobble": "played",
}


class _Metadata(plex.Metadata):
    full_title: wire.Text = ""
    by_provider: wire.Ids = Field(default_factory=dict, alias="Guids")


class _Said(plex.Said):
    metadata: Annotated[_Metadata, wire.Lenient] = Field(default=_Metadata(), alias="Metadata")


def is_from_here(payload: Mapping[str, Any]) -> bool:
    """Plex itself always says whether it speaks to the owner."""
    event = wire.text_of(payload.get("event"))
    return event.startswith("tautulli.") or (event.startswith("media.") and "owner" not in payload)


def parse(payload: Mapping[str, Any]) -> Event:
    """Without `at`, for it is sent as it happens; its dates are written as each person has set
    them.
    """
    said = _Said.model_validate(payload)
    if not is_from_here(payload):
        raise BadPayload
    event = plex.about(said, said.event)
    if said.event in ("tautulli.test", "tautulli.{action}"):
        # Its test sends what was typed there, without filling it in.
        return replace(Event("test", said.event), server_id=_filled(event.server_id))
    told, action = said.metadata, _ACTIONS.get(said.event)
    kind = plex.KINDS.get(told.type)
    if kind is None or action is None:
        return event
    ids = own_ids(told.guids, told.guid)
    by_provider = wire.external_ids(told.by_provider.items())
    shows: dict[str, str] = {}
    if kind == "movie":
        ids |= by_provider
    else:
        # Our template sends the ids of the show; one that was made for Plex may send those of
        # either.
        shows = by_provider | show_ids(told.guid, told.grandparent_guid)
    title = (
        told.full_title if kind == "movie" and told.full_title else told.title or told.full_title
    )
    item = replace(plex.item(told, kind, ids, shows), title=title)
    return plex.happened(event, action, item, told)


def _filled(text: str) -> str:
    return "" if "{" in text else text
