"""The JSON-RPC methods of the fake Kodi, as measured on Kodi 20.1."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.fakes.kodi_library import Show, Video

if TYPE_CHECKING:
    from tests.fakes.kodi import FakeKodi

Params = Mapping[str, Any]
Method = Callable[["FakeKodi", Params], Any]
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class RpcError(Exception):
    def __init__(self, code: int, message: str, data: object = None) -> None:
        self.answer = {
            "code": code,
            "message": message,
            **({"data": data} if data is not None else {}),
        }


def unknown_id() -> RpcError:
    return RpcError(-32602, "Invalid params.")


def bad_params(why: str) -> RpcError:
    """Unlike an unknown id, a wrong parameter is explained."""
    return RpcError(-32602, "Invalid params.", {"stack": {"message": why}})


def call(kodi: "FakeKodi", method: str, params: Params) -> Any:
    if method not in METHODS:
        raise RpcError(-32601, "Method not found.")
    allowed, function = METHODS[method]
    if unknown := set(params) - set(allowed.split()):
        raise bad_params(f"Too many parameters: {unknown}")
    return function(kodi, params)


def _videos(kodi: "FakeKodi", kind: str) -> dict[int, Video]:
    return kodi.movies if kind == "movie" else kodi.episodes


def _chosen(entry: Mapping[str, Any], id_name: str, params: Params) -> dict[str, Any]:
    """Kodi answers the id and the label, and what else was asked for."""
    wanted = {id_name, "label", *params.get("properties", ())}
    if unknown := wanted - set(entry) - OTHER_FIELDS:
        raise bad_params(f"Received value does not match any of the defined enum values: {unknown}")
    return {name: value for name, value in entry.items() if name in wanted}


OTHER_FIELDS = {"plot", "genre", "streamdetails"}


def _get(kind: str) -> Method:
    def get(kodi: "FakeKodi", params: Params) -> Any:
        video = _videos(kodi, kind).get(_id(params, f"{kind}id"))
        if video is None:
            raise unknown_id()
        return {f"{kind}details": _chosen(video.entry(), f"{kind}id", params)}

    return get


def _id(params: Params, name: str) -> int:
    number = params.get(name)
    if not isinstance(number, int) or number < 1:
        raise bad_params(f"{name}: Invalid type or value received")
    return number


def _list(kind: str, name: str) -> Method:
    def listing(kodi: "FakeKodi", params: Params) -> Any:
        found = [
            video for video in _videos(kodi, kind).values() if _passes(video, params.get("filter"))
        ]
        return _page(found, f"{kind}id", name, params)

    return listing


def _shows(kodi: "FakeKodi", params: Params) -> Any:
    return _page(kodi.shows.values(), "tvshowid", "tvshows", params)


def _page(rows: Iterable[Video | Show], id_name: str, name: str, params: Params) -> Any:
    rows = list(rows)
    limits = params.get("limits", {})
    end = limits.get("end", -1)
    end = len(rows) if end < 0 else min(end, len(rows))
    start = min(limits.get("start", 0), end)
    entries = [_chosen(row.entry(), id_name, params) for row in rows[start:end]]
    return {"limits": {"start": start, "end": end, "total": len(rows)}, name: entries}


def _passes(video: Video, rule: Params | None) -> bool:
    if rule is None:
        return True
    if "and" in rule:
        return all(_passes(video, part) for part in rule["and"])
    if "or" in rule:
        return any(_passes(video, part) for part in rule["or"])
    if rule["field"] in ("lastplayed", "dateadded") and rule["operator"] == "greaterthan":
        # As text, to the second; what has no date is NULL, and not greater than anything.
        return str(getattr(video, rule["field"])) > str(rule["value"])
    cut = video.file.rfind("/") + 1
    values = {"filename": video.file[cut:], "path": video.file[:cut], "title": video.title}
    if rule["field"] not in values or rule["operator"] != "is":
        raise bad_params(f"the fake knows no filter {rule}")
    # Kodi makes a LIKE of "is".
    like = "".join({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in rule["value"])
    return re.fullmatch(like, values[rule["field"]], re.IGNORECASE | re.DOTALL) is not None


def _set(kind: str) -> Method:
    def change(kodi: "FakeKodi", params: Params) -> str:
        video = _videos(kodi, kind).get(_id(params, f"{kind}id"))
        if video is None:
            raise unknown_id()
        if not kodi.ignores_changes:
            played, before = video.played, (video.played.playcount, video.played.lastplayed)
            _set_resume(video, params.get("resume"))
            _set_playcount(kodi, video, params)
            if (played.playcount, played.lastplayed) != before:
                kodi.on_change(video, played.playcount != before[0])
        return "OK"

    return change


def _set_resume(video: Video, resume: Mapping[str, float] | None) -> None:
    if resume is None:
        return
    played = video.played
    position = max(0.0, float(resume.get("position", played.position)))
    played.position = float(int(position))
    # The bookmark goes with position 0; without "total" Kodi forgets the total it had.
    played.total = float(resume.get("total", 0)) if position else 0.0


def _set_playcount(kodi: "FakeKodi", video: Video, params: Params) -> None:
    """playcount and lastplayed; neither touches the resume point."""
    played = video.played
    count = max(0, params.get("playcount", played.playcount))
    told = params.get("lastplayed")
    if told is not None and DATE.fullmatch(told):
        played.lastplayed = told
    elif told == "":
        played.lastplayed = kodi.local_now() if count else ""
    elif told is None and count and not played.playcount and not played.lastplayed:
        played.lastplayed = kodi.local_now()
    played.playcount = count


def _labels(kodi: "FakeKodi", params: Params) -> dict[str, str]:
    there = kodi.now().astimezone(ZoneInfo(kodi.timezone))
    # A Kodi with American settings, its default, counts to 12 whatever case "hh" has.
    hours, half = ("%I", "%p") if kodi.twelve_hours else ("%H", "")
    known = {
        "System.Date(yyyy-mm-dd)": f"{there:%Y-%m-%d}",
        "System.Time(hh:mm:ss)": there.strftime(f"{hours}:%M:%S"),
        "System.Time(hh:mm:ss xx)": there.strftime(f"{hours}:%M:%S {half}").strip(),
        "System.FriendlyName": kodi.name,
    }
    return {label: {**known, **kodi.shown_labels}.get(label, "") for label in params["labels"]}


def _setting(kodi: "FakeKodi", params: Params) -> dict[str, str]:
    if params["setting"] != "locale.timezone" or not kodi.tells_zone:
        raise unknown_id()
    return {"value": kodi.timezone if kodi.zone_setting is None else kodi.zone_setting}


def _ping(kodi: "FakeKodi", params: Params) -> str:
    return "pong"


def _application(kodi: "FakeKodi", params: Params) -> Any:
    version = {"major": 20, "minor": 1, "revision": "20230312-nogitfound", "tag": "stable"}
    return {
        name: value
        for name, value in {"name": "Kodi", "version": version}.items()
        if name in params["properties"]
    }


def _players(kodi: "FakeKodi", params: Params) -> Any:
    return [{"playerid": 1, "playertype": "internal", "type": "video"}] if kodi.playing else []


def _playing(kodi: "FakeKodi", params: Params) -> Any:
    video = kodi.playing
    if video is None:
        return {"item": {"file": "", "label": "", "type": "unknown"}}
    return {"item": {"file": video.file, "id": video.id, "label": video.title, "type": video.kind}}


def _progress(kodi: "FakeKodi", params: Params) -> Any:
    """With nothing playing it still answers zeros."""
    video = kodi.playing
    told = {
        "time": _clock(kodi.playing_at if video else 0),
        "totaltime": _clock(video.minutes * 60 if video else 0),
        "speed": 0 if kodi.paused or not video else 1,
    }
    return {name: told[name] for name in params["properties"]}


def _clock(seconds: float) -> dict[str, int]:
    whole = int(seconds)
    parts = {"hours": whole // 3600, "minutes": whole // 60 % 60, "seconds": whole % 60}
    return {**parts, "milliseconds": round((seconds - whole) * 1000)}


def _show(kodi: "FakeKodi", params: Params) -> Any:
    show = kodi.shows.get(_id(params, "tvshowid"))
    if show is None:
        raise unknown_id()
    return {"tvshowdetails": _chosen(show.entry(), "tvshowid", params)}


_CHANGES = "playcount lastplayed resume"
_LISTING = "properties limits sort filter"
#: Method → the parameters it takes, and what it does.
METHODS: Mapping[str, tuple[str, Method]] = {
    "JSONRPC.Ping": ("", _ping),
    "Application.GetProperties": ("properties", _application),
    "XBMC.GetInfoLabels": ("labels", _labels),
    "Settings.GetSettingValue": ("setting", _setting),
    "VideoLibrary.GetMovies": (_LISTING, _list("movie", "movies")),
    "VideoLibrary.GetEpisodes": (f"{_LISTING} tvshowid season", _list("episode", "episodes")),
    "VideoLibrary.GetTVShows": (_LISTING, _shows),
    "VideoLibrary.GetMovieDetails": ("movieid properties", _get("movie")),
    "VideoLibrary.GetEpisodeDetails": ("episodeid properties", _get("episode")),
    "VideoLibrary.SetMovieDetails": (f"movieid {_CHANGES}", _set("movie")),
    "VideoLibrary.SetEpisodeDetails": (f"episodeid {_CHANGES}", _set("episode")),
    "VideoLibrary.GetTVShowDetails": ("tvshowid properties", _show),
    "Player.GetActivePlayers": ("", _players),
    "Player.GetProperties": ("playerid properties", _progress),
    "Player.GetItem": ("playerid properties", _playing),
}
