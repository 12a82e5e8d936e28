"""Changes of watch state in the fake Jellyfin, as in its BaseItem and UserDataManager."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.mediabrowser import Refusal, Reply, Request
from tests.fakes.mediabrowser_library import State, Title, parsed

if TYPE_CHECKING:
    from tests.fakes.jellyfin import FakeJellyfin

_MEMBERS = {
    "playbackpositionticks": "position",
    "playcount": "play_count",
    "isfavorite": "favorite",
    "played": "played",
    "rating": "rating",
}


def patch(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    """POST UserData: what is absent or null is left alone, and one version only is touched."""
    if jellyfin.people[person].may_write is False and not _is_privileged(jellyfin, request):
        raise Refusal(403, "User is not allowed to update this item user data.")
    told: Any = request.json
    if not isinstance(told, dict):
        raise Refusal(400)
    if not jellyfin.ignores_changes:
        _take(title.state(person), told, jellyfin.now())
    return Reply.json(jellyfin.user_data(title, person))


def _is_privileged(jellyfin: "FakeJellyfin", request: Request) -> bool:
    caller = jellyfin._caller(request)
    assert caller is not None
    return not caller.person or jellyfin.people[caller.person].is_admin


def _take(state: State, told: dict[str, Any], now: datetime) -> None:
    for name, value in told.items():
        member = _MEMBERS.get(name.lower())
        if value is not None and member:
            setattr(state, member, value)
        elif value is not None and name.lower() == "lastplayeddate":
            state.last_played = parsed(value)
    state.saved_at = now


def mark(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    """With a date each call is one more play. A show marks its episodes, never its own row."""
    date = request.asked("datePlayed")
    at = _legacy_date(date) if date else None
    for one in _leaves(jellyfin, title):
        if not jellyfin.ignores_changes:
            _mark(one.state(person), at, jellyfin.now())
            for version in one.versions if jellyfin.major >= 12 else ():
                _mark(version.state(person), None, jellyfin.now())
    return Reply.json(jellyfin.user_data(title, person))


def _mark(state: State, at: datetime | None, now: datetime) -> None:
    state.play_count = state.play_count + 1 if at else max(1, state.play_count)
    state.last_played = at or state.last_played or now
    state.played, state.position, state.saved_at = True, 0, now


def unmark(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    for one in _leaves(jellyfin, title):
        for version in [one, *(one.versions if jellyfin.major >= 12 else ())]:
            if not jellyfin.ignores_changes:
                state = version.state(person)
                state.played, state.position, state.play_count, state.last_played = (
                    False,
                    0,
                    0,
                    None,
                )
                state.saved_at = jellyfin.now()
    return Reply.json(jellyfin.user_data(title, person))


def _leaves(jellyfin: "FakeJellyfin", title: Title) -> list[Title]:
    return jellyfin.episodes_of(title) if title.type == "Series" else [title]


def _legacy_date(text: str) -> datetime:
    if text.isdecimal() and len(text) == 14:
        return parsed(
            f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}+00:00"
        )
    return parsed(text)
