"""The webhook agent of Tautulli, which watches a Plex server.

It sends JSON of our template, in the shape of Plex's own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from mydia_web.backends import wire
from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events import plex
from mydia_web.backends.values import Action, Event, RemoteItem

#: Both titles are sent, because `{title}` of an episode names its show too.
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
    # Templates that were made for other programs say it in Plex's words.
    **plex.ACTIONS,
}
#: Tautulli's own test sends what was typed in the template, without filling it in.
_TESTS = ("tautulli.test", "tautulli.{action}")


class _Metadata(plex.Metadata):
    full_title: wire.Text = ""
    ids_by_provider: wire.Ids = Field(default_factory=dict, alias="Guids")


class _TautulliPayload(plex.PlexPayload):
    metadata: Annotated[_Metadata, wire.Lenient] = Field(default=_Metadata(), alias="Metadata")


def is_from_here(payload: Mapping[str, Any]) -> bool:
    """Return whether it is Tautulli's: Plex itself always says whether it speaks to the owner."""
    event = wire.text_of(payload.get("event"))
    if event.startswith("tautulli."):
        return True
    return event.startswith("media.") and "owner" not in payload


def parse(payload: Mapping[str, Any]) -> Event:
    """Return an event without `at`: it is sent as it happens.

    Its dates are written as each person has set them.
    """
    if not is_from_here(payload):
        raise BadPayload
    tautulli = _TautulliPayload.model_validate(payload)
    event = tautulli.base_event()
    if tautulli.event in _TESTS:
        return Event(action="test", name=tautulli.event, server_id=_filled(event.server_id))
    action = _ACTIONS.get(tautulli.event)
    item = tautulli.metadata.remote_item()
    if action is None or item is None:
        return event
    item = _with_ids(item, tautulli.metadata)
    return plex.playback(event, action, item, tautulli.metadata)


def _with_ids(item: RemoteItem, metadata: _Metadata) -> RemoteItem:
    """Add the title and the ids that a template of ours sends.

    The ids of an episode are those of its show; a template that was made for Plex may send either.
    """
    ids = wire.external_ids(metadata.ids_by_provider.items())
    if item.kind == "movie":
        title = metadata.full_title or metadata.title
        return replace(item, title=title, external_ids={**item.external_ids, **ids})
    title = metadata.title or metadata.full_title
    if item.show is None:
        return replace(item, title=title)
    show = replace(item.show, external_ids=ids | dict(item.show.external_ids))
    return replace(item, title=title, show=show)


def _filled(text: str) -> str:
    """Return a value that the template has filled in, "" otherwise."""
    if "{" in text:
        return ""
    return text
