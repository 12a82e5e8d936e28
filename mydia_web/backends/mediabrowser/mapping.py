"""How a server's titles become ours."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from urllib.parse import quote

from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.mediabrowser.models import (
    TICKS_PER_MS,
    Item,
    PlayerSession,
    Series,
    UserData,
    read,
)
from mydia_web.backends.values import (
    ContentKind,
    Playing,
    RemoteItem,
    RemoteShow,
    RemoteState,
    Target,
)
from mydia_web.backends.wire import UnreadableEntry

_KINDS: Mapping[str, ContentKind] = {"Movie": "movie", "Episode": "episode"}
_NUMBER = re.compile(r"0*[1-9]\d*")
_PROVIDERS = {"imdb": re.compile(r"tt\d+"), "tmdb": _NUMBER, "tvdb": _NUMBER}
#: A file of more episodes than this is a misread name.
_MOST_EPISODES = 20
NEVER = datetime.min.replace(tzinfo=UTC)


def library_item(entry: object, shows: Mapping[str, RemoteShow]) -> RemoteItem:
    item = read(Item, entry)
    kind = _KINDS.get(item.type)
    if kind is None:
        raise UnreadableEntry(f"“{(item.name or item.id)[:80]}” is neither a film nor an episode.")
    if not item.name:
        raise UnreadableEntry(f"“{(item.path or item.id)[-80:]}” has no title.")
    runtime = item.runtime_ms
    return RemoteItem(
        remote_id=item.id,
        kind=kind,
        title=item.name,
        external_ids=external_ids(item.provider_ids),
        year=_year(item.production_year) if kind == "movie" else None,
        runtime_seconds=runtime // 1000 or None if runtime else None,
        path=item.path or "",
        artwork_url=_picture(item.id, item.image_tags),
        state=state(item.user_data) if item.user_data else None,
        **(_place(item, shows) if kind == "episode" else {}),  # type: ignore[arg-type]
    )


def _place(item: Item, shows: Mapping[str, RemoteShow]) -> dict[str, object]:
    show = shows.get(item.series_id or "") or (
        RemoteShow(item.series_name) if item.series_name else None
    )
    return {
        "show": show,
        "season_number": _number(item.parent_index_number),
        "episode_number": _number(item.index_number),
        "further_episodes": _further(item),
        "air_date": _day(item.premiere_date or ""),
    }


def show_item(entry: object) -> tuple[str, RemoteShow]:
    series = read(Series, entry)
    if not series.name:
        raise UnreadableEntry(f"Show {series.id[:40]} has no title.")
    return series.id, RemoteShow(
        title=series.name,
        year=_year(series.production_year),
        external_ids=external_ids(series.provider_ids),
        artwork_url=_picture(series.id, series.image_tags),
    )


def state(data: UserData) -> RemoteState:
    return RemoteState(
        watched=data.played,
        position_ms=data.position_ms,
        play_count=data.plays,
        last_played_at=data.last_played_at,
    )


def playing(entry: object) -> Playing | None:
    """What a player plays; None for one that plays no film and no episode, or cannot be understood."""
    try:
        session = read(PlayerSession, entry)
    except UnreadableEntry:
        return None
    item, play = session.now_playing_item, session.play_state
    if item is None or item.type not in _KINDS:
        return None
    named = " · ".join(part for part in (item.series_name, item.name) if part)
    return Playing(
        remote_id=item.id,
        title=named,
        remote_user_id=session.user_id or "",
        position_ms=max(0, ((play and play.position_ticks) or 0) // TICKS_PER_MS),
        duration_ms=(item.run_time_ticks or 0) // TICKS_PER_MS or None,
        paused=bool(play and play.is_paused),
        device=session.device_name or "",
    )


def external_ids(told: Mapping[str, str | None] | None) -> dict[str, str]:
    """Of known providers only, where the value can be one of theirs."""
    found: dict[str, str] = {}
    for name, value in (told or {}).items():
        provider = name.lower()
        pattern = _PROVIDERS.get(provider)
        if pattern and value and pattern.fullmatch(text := value.strip()):
            found.setdefault(provider, text)
    return found


def check_is_meant(item: Item, target: Target, product: str) -> None:
    """Raises `NotOnServer` where the id now stands for something else."""
    if _KINDS.get(item.type, target.kind) != target.kind or not _same_title(item, target):
        raise NotOnServer(
            f"{product} has given the id of this title to another one. Read the library again."
        )


def _same_title(item: Item, target: Target) -> bool:
    if not item.path or not target.path or item.path == target.path:
        return True
    # A file that was renamed in place is still the same title.
    ids = external_ids(item.provider_ids)
    shared = ids.keys() & target.external_ids.keys()
    return any(ids[provider] == target.external_ids[provider] for provider in shared)


def _picture(item_id: str, tags: Mapping[str, str | None] | None) -> str:
    tag = (tags or {}).get("Primary")
    if not tag:
        return ""
    return f"Items/{quote(item_id, safe='')}/Images/Primary?tag={quote(tag, safe='')}&maxWidth=960&quality=90"


def _year(value: int | None) -> int | None:
    return value if value and value > 0 else None


def _number(value: int | None) -> int | None:
    """0 is a real season and a real episode."""
    return value if value is not None and value >= 0 else None


def _further(item: Item) -> tuple[int, ...]:
    first, last = _number(item.index_number), _number(item.index_number_end)
    if first is None or last is None or last - first >= _MOST_EPISODES:
        return ()
    return tuple(range(first + 1, last + 1))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year > 1 else None
