"""Reports of players to the fake Jellyfin, and their effects."""

from typing import TYPE_CHECKING, Any

from tests.fakes.mediabrowser import Refusal, Reply, Request
from tests.fakes.mediabrowser_library import TICKS, State, Title, instant

if TYPE_CHECKING:
    from tests.fakes.jellyfin import FakeJellyfin
    from tests.fakes.jellyfin_sign_in import Device


def started(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    title = _title(jellyfin, request)
    if title is not None:
        state = _played(jellyfin, title, request).state(caller.person)
        state.play_count += 1
        state.last_played = state.saved_at = jellyfin.now()
        if jellyfin.major < 12:
            state.played = False
        caller.playing = title.id
        _move(caller, request)
    return Reply(204)


def progressed(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    title = _title(jellyfin, request)
    if title is not None:
        caller.playing = title.id
        _move(caller, request)
        if "PositionTicks" in request.json:
            played = _played(jellyfin, title, request)
            _report(played, played.state(caller.person), request.json["PositionTicks"])
    return Reply(204)


def stopped(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    title = _title(jellyfin, request)
    caller.playing = ""
    if title is not None:
        played = _played(jellyfin, title, request)
        state = played.state(caller.person)
        if "PositionTicks" in request.json:
            _report(played, state, request.json["PositionTicks"])
        else:
            state.play_count += 1
            state.played, state.position = True, 0
        state.saved_at = jellyfin.now()
    return Reply(204)


def _played(jellyfin: "FakeJellyfin", title: Title, request: Request) -> Title:
    """What is played of a further version is kept under that one since Jellyfin 12; before, under
    the first.
    """
    version = request.json.get("MediaSourceId", title.id)
    further = title.versions if jellyfin.major >= 12 else []
    return next((one for one in further if one.id == version), title)


def _report(title: Title, state: State, ticks: int) -> None:
    """Below 5 % is nothing; beyond 90 %, or within a second of the end, is played; so is a short
    film.
    """
    if not title.ticks:
        state.played, state.position = True, 0
    elif ticks * 100 < 5 * title.ticks:
        state.position = 0
    elif (
        ticks * 100 > 90 * title.ticks or ticks >= title.ticks - TICKS or title.ticks < 300 * TICKS
    ):
        state.played, state.position = True, 0
    else:
        state.position = ticks


def _title(jellyfin: "FakeJellyfin", request: Request) -> Title | None:
    """None for an unknown one, which is no error."""
    item = str(request.json.get("ItemId", "")).replace("-", "").lower()
    if len(item) != 32:
        raise Refusal(400)
    return jellyfin.titles.get(item)


def _move(caller: "Device", request: Request) -> None:
    caller.position = request.json.get("PositionTicks", caller.position)
    caller.paused = request.json.get("IsPaused", False)


def sessions(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    admin = not caller.person or jellyfin.people[caller.person].is_admin
    shown = [one for one in jellyfin.devices.values() if admin or one.person == caller.person]
    return Reply.json([_session(jellyfin, device) for device in shown])


def _session(jellyfin: "FakeJellyfin", device: "Device") -> dict[str, Any]:
    told: dict[str, Any] = {
        "Id": jellyfin._id(f"session {device.id} {device.person}"),
        "UserId": device.person or "0" * 32,
        "Client": device.client,
        "DeviceId": device.id,
        "DeviceName": device.name,
        "ServerId": jellyfin.server_id,
        "LastActivityDate": instant(jellyfin.now()),
        "IsActive": True,
        "PlayState": {"CanSeek": True, "IsPaused": device.paused, "IsMuted": False},
    }
    if person := jellyfin.people.get(device.person):
        told["UserName"] = person.name
    if device.playing:
        title = jellyfin.titles[device.playing]
        told["PlayState"]["PositionTicks"] = device.position
        told["NowPlayingItem"] = {
            "Id": title.id,
            "Name": title.name,
            "Type": title.type,
            "RunTimeTicks": title.ticks,
            **({"SeriesName": title.series.name} if title.series else {}),
        }
    return told
