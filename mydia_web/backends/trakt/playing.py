"""What the person is watching just now, as players tell Trakt."""

from collections.abc import Sequence
from datetime import datetime

from mydia_web import clock
from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.mapping import KINDS, Watching
from mydia_web.backends.values import Playing
from mydia_web.backends.wire import UnreadableEntry


def read(told: object, remote_user_id: str) -> Sequence[Playing]:
    try:
        watching = mapping.read(Watching, told)
        kind = next((kind for kind in KINDS if kind == watching.type), None)
        if kind is None:
            return ()
        title = watching.title(kind)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Trakt does not tell what is being watched: {error}") from error
    started, ends = mapping.instant(watching.started_at), mapping.instant(watching.expires_at)
    runtime = watching.runtime_seconds(kind)
    duration_ms = runtime * 1000 if runtime else _between(started, ends)
    return (
        Playing(
            remote_id=mapping.remote_id(kind, title.ids.trakt),
            title=title.title or "",
            remote_user_id=remote_user_id,
            # Trakt dates the start back by what was seen before.
            position_ms=min(_between(started, clock.now()) or 0, duration_ms or 0),
            duration_ms=duration_ms,
        ),
    )


def _between(start: datetime | None, end: datetime | None) -> int | None:
    return max(0, round((end - start).total_seconds() * 1000)) if start and end else None
