"""The calls of a push, in words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mydia_web.backends.trakt import bodies, mapping
from mydia_web.backends.trakt.api import PAGE
from mydia_web.backends.trakt.bodies import ADD, PAUSE, PLAYBACK, REMOVE
from mydia_web.backends.trakt.mapping import PLURAL
from mydia_web.backends.trakt.state import FULL
from mydia_web.backends.trakt.writing import (
    LEAST,
    MOST,
    is_watched_wanted,
    played_at,
    position_wanted,
)
from mydia_web.backends.values import Target, Wanted


def calls(target: Target, wanted: Wanted) -> Sequence[str]:
    number = mapping.number_of(target.kind, target.remote_id)
    return [
        *_lookup(target, number),
        *_reads(target, number or "…"),
        *_writes(target, wanted, number or 0),
    ]


def _lookup(target: Target, number: int | None) -> Iterator[str]:
    if number is not None:
        return
    for external_ids, kind in (
        (target.external_ids, target.kind),
        (target.show_external_ids, "show"),
    ):
        for provider, value in external_ids.items():
            if mapping.is_id(provider, value):
                yield f"GET /search/{provider}/{value}?type={kind}&extended={FULL}  (until one is found)"
    if target.kind == "episode":
        yield f"GET /shows/…/seasons/{target.season_number}/episodes/{target.episode_number}  (if not found)"


def _reads(target: Target, number: int | str) -> Iterator[str]:
    plural = PLURAL[target.kind]
    for path in (f"sync/history/{plural}/{number}", f"sync/playback/{plural}"):
        yield f"GET /{path}?page=1&limit={PAGE}&extended={FULL}"


def _writes(target: Target, wanted: Wanted, number: int) -> Iterator[str]:
    watched, position_ms, plural = (
        is_watched_wanted(wanted),
        position_wanted(wanted),
        PLURAL[target.kind],
    )
    if watched:
        yield _post(
            ADD, {plural: [bodies.play(number, played_at(wanted))]}, "unless this play is there"
        )
    elif watched is False:
        yield _post(REMOVE, {plural: [bodies.title(number)]}, "unless there is no play")
    if position_ms and (not wanted.duration_ms or 100 * position_ms >= LEAST * wanted.duration_ms):
        body = {
            target.kind: bodies.title(number),
            "progress": _percent(position_ms, wanted.duration_ms),
        }
        yield _post(PAUSE, body, f"unless it is paused there; from {LEAST} to {MOST} per cent")
        yield f"GET /{PLAYBACK}/{plural}?page=1&limit={PAGE}&extended={FULL}"
    elif position_ms is not None:
        yield f"DELETE /{PLAYBACK}/…  (if it is paused there)"


def _post(path: str, body: Mapping[str, Any], condition: str) -> str:
    return f"POST /{path} {json.dumps(body, ensure_ascii=False)}  ({condition})"


def _percent(position_ms: int, duration_ms: int | None) -> float | str:
    return min(round(100 * position_ms / duration_ms, 3), MOST) if duration_ms else "…"
