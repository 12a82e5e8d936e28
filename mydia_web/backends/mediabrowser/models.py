"""What Jellyfin and Emby send, and how it becomes ours.

They leave out what they do not know, or send null.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from mydia_web.backends import wire
from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.values import (
    ContentKind,
    Playing,
    RemoteItem,
    RemoteShow,
    RemoteState,
    Target,
)
from mydia_web.backends.wire import Int32, UnreadableEntry

Entry = TypeVar("Entry", bound=BaseModel)
#: Of 100 ns.
Ticks = Annotated[int, Field(le=2**31 * 10_000_000)]
#: Ids by provider, or image tags by kind.
Names = dict[str, str | None]

TICKS_PER_MS = 10_000
#: For sorting what has no date before what has one.
NEVER = datetime.min.replace(tzinfo=UTC)
_KINDS: Mapping[str, ContentKind] = {"Movie": "movie", "Episode": "episode"}
#: A file of more episodes than this has a misread name.
_MAX_EPISODES = 20


class Payload(BaseModel):
    """An object whose names are in PascalCase."""

    model_config = ConfigDict(alias_generator=to_pascal)


class UserData(Payload):
    """One person's state of one title, with whatever else the server says of it."""

    model_config = ConfigDict(extra="allow")

    played: bool
    playback_position_ticks: Ticks = 0
    play_count: Int32 | None = None
    last_played_date: str | None = None

    @property
    def position_ms(self) -> int:
        return max(0, self.playback_position_ticks // TICKS_PER_MS)

    @property
    def plays(self) -> int:
        return max(0, self.play_count or 0)

    @property
    def last_played_at(self) -> datetime | None:
        return wire.read_instant(self.last_played_date or "")

    @property
    def remote_state(self) -> RemoteState:
        return RemoteState(
            watched=self.played,
            position_ms=self.position_ms,
            play_count=self.plays,
            last_played_at=self.last_played_at,
        )

    def with_version(self, version: "UserData") -> "UserData":
        """Return the title's state with the position of one of its versions and the later date."""
        date = self.last_played_date
        if (version.last_played_at or NEVER) > (self.last_played_at or NEVER):
            date = version.last_played_date
        return self.model_copy(
            update={
                "playback_position_ticks": version.playback_position_ticks,
                "last_played_date": date,
            }
        )


class Item(Payload):
    """A film or an episode."""

    id: str
    type: str = ""
    name: str | None = None
    path: str | None = None
    production_year: Int32 | None = None
    premiere_date: wire.Day = None
    run_time_ticks: Ticks | None = None
    provider_ids: Names | None = None
    image_tags: Names | None = None
    series_id: str | None = None
    series_name: str | None = None
    parent_index_number: Int32 | None = None
    index_number: Int32 | None = None
    index_number_end: Int32 | None = None
    media_source_count: Int32 | None = None
    user_data: UserData | None = None

    @property
    def runtime_ms(self) -> int | None:
        runtime = (self.run_time_ticks or 0) // TICKS_PER_MS
        if runtime <= 0:
            return None
        return runtime

    @property
    def has_versions(self) -> bool:
        """Return whether several files stand behind this one title."""
        return (self.media_source_count or 1) > 1

    @property
    def external_ids(self) -> dict[str, str]:
        return _external_ids(self.provider_ids)

    def remote_item(self, shows: Mapping[str, RemoteShow]) -> RemoteItem:
        """Return the listed title; `shows` are by their ids. Raises `UnreadableEntry`."""
        kind = _KINDS.get(self.type)
        if kind is None:
            label = (self.name or self.id)[:80]
            raise UnreadableEntry(f"“{label}” is neither a film nor an episode.")
        if not self.name:
            label = (self.path or self.id)[-80:]
            raise UnreadableEntry(f"“{label}” has no title.")
        item = RemoteItem(
            remote_id=self.id,
            kind=kind,
            title=self.name,
            external_ids=self.external_ids,
            runtime_seconds=wire.whole_seconds(self.runtime_ms),
            path=self.path or "",
            artwork_url=_picture(self.id, self.image_tags),
        )
        if self.user_data is not None:
            item = replace(item, state=self.user_data.remote_state)
        if kind == "movie":
            return replace(item, year=_year(self.production_year))
        return replace(
            item,
            show=self._show(shows),
            season_number=_number(self.parent_index_number),
            episode_number=_number(self.index_number),
            further_episodes=self._further_episodes(),
            air_date=self.premiere_date,
        )

    def check_is_meant(self, target: Target, product: str) -> None:
        """Raise `NotOnServer` if the target's id now stands for something else."""
        is_same_kind = _KINDS.get(self.type, target.kind) == target.kind
        if not is_same_kind or not self._may_be(target):
            raise NotOnServer(
                f"{product} has given the id of this title to another one. Read the library again."
            )

    def _may_be(self, target: Target) -> bool:
        if not self.path or not target.path or self.path == target.path:
            return True
        # A file that was renamed in place is still the same title.
        shared_ids = self.external_ids.items() & target.external_ids.items()
        return bool(shared_ids)

    def _show(self, shows: Mapping[str, RemoteShow]) -> RemoteShow | None:
        show = shows.get(self.series_id or "")
        if show is None and self.series_name:
            return RemoteShow(title=self.series_name)
        return show

    def _further_episodes(self) -> tuple[int, ...]:
        first = _number(self.index_number)
        last = _number(self.index_number_end)
        if first is None or last is None or last - first >= _MAX_EPISODES:
            return ()
        return tuple(range(first + 1, last + 1))


class Series(Payload):
    id: str
    name: str | None = None
    production_year: Int32 | None = None
    provider_ids: Names | None = None
    image_tags: Names | None = None

    @property
    def remote_show(self) -> RemoteShow:
        """Raises `UnreadableEntry` for a show without a title."""
        if not self.name:
            raise UnreadableEntry(f"Show {self.id[:40]} has no title.")
        return RemoteShow(
            title=self.name,
            year=_year(self.production_year),
            external_ids=_external_ids(self.provider_ids),
            artwork_url=_picture(self.id, self.image_tags),
        )


class View(Payload):
    """A library as a person sees it."""

    id: str
    name: str = ""
    collection_type: str | None = None


class Policy(Payload):
    is_disabled: bool = False


class User(Payload):
    id: str
    name: str = ""
    policy: Policy | None = None

    @property
    def is_disabled(self) -> bool:
        return self.policy is not None and self.policy.is_disabled


class AuthenticationResult(Payload):
    user: User
    access_token: str = Field(min_length=1, repr=False)
    server_id: str | None = None


class PublicInfo(Payload):
    id: str = ""
    server_name: str | None = None
    version: str
    product_name: str | None = None


class PlayState(Payload):
    position_ticks: Ticks | None = None
    is_paused: bool = False


class NowPlaying(Payload):
    id: str
    type: str = ""
    name: str | None = None
    series_name: str | None = None
    run_time_ticks: Ticks | None = None

    @property
    def title(self) -> str:
        return " · ".join(filter(None, (self.series_name, self.name)))


class PlayerSession(Payload):
    """A player that is signed in, whether it plays or not."""

    user_id: str | None = None
    device_name: str | None = None
    now_playing_item: NowPlaying | None = None
    play_state: PlayState | None = None

    @property
    def playing(self) -> Playing | None:
        """The film or episode that it plays, None for anything else."""
        item = self.now_playing_item
        play_state = self.play_state or PlayState()
        if item is None or item.type not in _KINDS:
            return None
        return Playing(
            remote_id=item.id,
            title=item.title,
            remote_user_id=self.user_id or "",
            position_ms=max(0, (play_state.position_ticks or 0) // TICKS_PER_MS),
            duration_ms=(item.run_time_ticks or 0) // TICKS_PER_MS or None,
            paused=play_state.is_paused,
            device=self.device_name or "",
        )


def read(model: type[Entry], entry: object) -> Entry:
    """Raises `UnreadableEntry`."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        name = field_of(entry, "Name") or field_of(entry, "Path")
        raise UnreadableEntry.invalid(name, error) from error


def read_all(model: type[Entry], entries: object) -> list[Entry]:
    """Read a list, leaving out entries that cannot be read."""
    if not isinstance(entries, list):
        return []
    readable: list[Entry] = []
    for entry in entries:
        try:
            readable.append(read(model, entry))
        except UnreadableEntry:
            continue
    return readable


def field_of(entry: object, name: str) -> Any:
    """Return a field of an unchecked entry as it came; None where there is none."""
    if not isinstance(entry, dict):
        return None
    return entry.get(name)


def write_instant(at: datetime) -> str:
    """Write an instant with a Z: these servers take a time without a zone for their own."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _external_ids(ids: Names | None) -> dict[str, str]:
    return wire.external_ids((ids or {}).items())


def _picture(item_id: str, tags: Names | None) -> str:
    tag = (tags or {}).get("Primary")
    if not tag:
        return ""
    path = f"Items/{quote(item_id, safe='')}/Images/Primary"
    return f"{path}?tag={quote(tag, safe='')}&maxWidth=960&quality=90"


def _year(value: int | None) -> int | None:
    if value is None or value <= 0:
        return None
    return value


def _number(value: int | None) -> int | None:
    """Return the number of a season or an episode, of which 0 is a real one."""
    if value is None or value < 0:
        return None
    return value
