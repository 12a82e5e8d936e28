"""What a server showed of one title, with that of its version which is under way."""

from dataclasses import dataclass

from mydia_web.backends.mediabrowser.models import Item, UserData


@dataclass(frozen=True, slots=True)
class Version:
    """A further file of a title, of which a server keeps a position of its own."""

    item_id: str
    data: UserData


@dataclass(frozen=True, slots=True)
class Shown:
    item: Item
    #: None: the title has none that is under way, or the server keeps one position for all.
    version: Version | None = None

    @property
    def data(self) -> UserData | None:
        """The state of all of it: the version's position, and what of the rest is later."""
        if self.version is None or self.item.user_data is None:
            return self.item.user_data
        return with_version(self.item.user_data, self.version.data)


def with_version(data: UserData, version: UserData) -> UserData:
    """The title's state, with the position of a version of it."""
    latest = version if _is_later(version, data) else data
    return data.model_copy(
        update={
            "playback_position_ticks": version.playback_position_ticks,
            "last_played_date": latest.last_played_date,
        }
    )


def _is_later(one: UserData, other: UserData) -> bool:
    if one.last_played_at is None or other.last_played_at is None:
        return other.last_played_at is None
    return one.last_played_at > other.last_played_at
