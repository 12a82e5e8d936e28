"""What these servers send, checked. They leave out what they do not know, or send null."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from mydia_web.backends.wire import UnreadableEntry

Ticks = Annotated[int, Field(le=2**31 * 10_000_000)]
Count = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]

Entry = TypeVar("Entry", bound=BaseModel)

TICKS_PER_MS = 10_000
TICKS_PER_SECOND = 10_000_000
#: A play before this is none: some write year 1 for "never", others the first second of 1970.
_FIRST_PLAY = datetime(1970, 1, 2, tzinfo=UTC)


class Sent(BaseModel):
    """Names are in PascalCase on the wire."""

    model_config = ConfigDict(alias_generator=to_pascal)


class UserData(Sent):
    """One person's state of one title, with whatever else the server says of it."""

    model_config = ConfigDict(extra="allow")

    played: bool
    playback_position_ticks: Ticks = 0
    play_count: Count | None = None
    last_played_date: str | None = None

    @property
    def position_ms(self) -> int:
        return max(0, self.playback_position_ticks // TICKS_PER_MS)

    @property
    def plays(self) -> int:
        return max(0, self.play_count or 0)

    @property
    def last_played_at(self) -> datetime | None:
        return read_instant(self.last_played_date or "")


class Item(Sent):
    """A film or an episode."""

    id: str
    type: str = ""
    name: str | None = None
    path: str | None = None
    production_year: Count | None = None
    premiere_date: str | None = None
    run_time_ticks: Ticks | None = None
    provider_ids: dict[str, str | None] | None = None
    image_tags: dict[str, str | None] | None = None
    series_id: str | None = None
    series_name: str | None = None
    parent_index_number: Count | None = None
    index_number: Count | None = None
    index_number_end: Count | None = None
    media_source_count: Count | None = None
    user_data: UserData | None = None

    @property
    def runtime_ms(self) -> int | None:
        whole = (self.run_time_ticks or 0) // TICKS_PER_MS
        return whole if whole > 0 else None

    @property
    def has_versions(self) -> bool:
        """Do several files stand behind this one title?"""
        return (self.media_source_count or 1) > 1


class Series(Sent):
    id: str
    name: str | None = None
    production_year: Count | None = None
    provider_ids: dict[str, str | None] | None = None
    image_tags: dict[str, str | None] | None = None


class View(Sent):
    """A library as a person sees it."""

    id: str
    name: str = ""
    collection_type: str | None = None


class Policy(Sent):
    is_disabled: bool = False


class User(Sent):
    id: str
    name: str = ""
    policy: Policy | None = None

    @property
    def is_disabled(self) -> bool:
        return self.policy is not None and self.policy.is_disabled


class AuthenticationResult(Sent):
    user: User
    access_token: str = Field(min_length=1, repr=False)
    server_id: str | None = None


class PublicInfo(Sent):
    id: str = ""
    server_name: str | None = None
    version: str
    product_name: str | None = None


class PlayState(Sent):
    position_ticks: Ticks | None = None
    is_paused: bool = False


class NowPlaying(Sent):
    id: str
    type: str = ""
    name: str | None = None
    series_name: str | None = None
    run_time_ticks: Ticks | None = None


class PlayerSession(Sent):
    """A player that is signed in, whether it plays or not."""

    user_id: str | None = None
    device_name: str | None = None
    now_playing_item: NowPlaying | None = None
    play_state: PlayState | None = None


def read(model: type[Entry], entry: object) -> Entry:
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        named: Any = entry.get("Name") or entry.get("Path") if isinstance(entry, dict) else None
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where or 'entry'}: {first['msg']}"
        raise UnreadableEntry(f"“{str(named or '?')[:80]}” could not be read: {why}") from error


def read_instant(text: str) -> datetime | None:
    """An instant as these servers write it, with seven decimals; None for none, "never" and
    nonsense.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
    return at if at >= _FIRST_PLAY else None


def write_instant(at: datetime) -> str:
    """With a Z: a time without its zone would be taken for the server's own."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
