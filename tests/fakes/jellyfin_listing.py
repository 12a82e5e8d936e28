"""Listings of the fake Jellyfin."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.mediabrowser import Reply, Request
from tests.fakes.mediabrowser_library import Title, instant

if TYPE_CHECKING:
    from tests.fakes.jellyfin import FakeJellyfin


def entry(
    jellyfin: "FakeJellyfin", title: Title, person: str, fields: Iterable[str], *, data: bool = True
) -> dict[str, Any]:
    """One title as a listing shows it: what was not asked for is left out, and so is null."""
    wanted = {field.lower() for field in fields}
    told: dict[str, Any] = {
        "Name": title.name,
        "ServerId": jellyfin.server_id,
        "Id": title.id,
        "Type": title.type,
        "IsFolder": title.type == "Series",
        "MediaType": "Unknown" if title.type == "Series" else "Video",
        "LocationType": "FileSystem",
        "ImageTags": {"Primary": title.picture_tag} if title.picture_tag else {},
        "BackdropImageTags": [],
    }
    told |= _known(RunTimeTicks=title.ticks, ProductionYear=title.year)
    if "providerids" in wanted:
        told["ProviderIds"] = dict(title.ids)
    if "path" in wanted:
        told["Path"] = title.path
    if "datecreated" in wanted:
        told["DateCreated"] = instant(title.created)
    files = _files(jellyfin, title)
    if "mediasourcecount" in wanted and len(files) > 1:
        told["MediaSourceCount"] = len(files)
    if "mediasources" in wanted and title.type != "Series":
        told["MediaSources"] = [
            {"Id": one.id, "Path": one.path, "Type": "Default"} for one in files
        ]
    if title.series:
        told |= _of_series(jellyfin, title, title.series)
    if data and person:
        told["UserData"] = jellyfin.user_data(title, person)
    return told | title.broken


def _files(jellyfin: "FakeJellyfin", title: Title) -> list[Title]:
    """All files of a title, whichever of them it is."""
    first = next((one for one in jellyfin.titles.values() if title in one.versions), title)
    return [title, *(one for one in (first, *first.versions) if one is not title)]


def _of_series(jellyfin: "FakeJellyfin", title: Title, series: Title) -> dict[str, Any]:
    aired = datetime(2019, 3, 1 + (title.number or 0) % 28, tzinfo=UTC)
    told: dict[str, Any] = {
        "SeriesName": series.name,
        "SeriesId": series.id,
        "SeasonId": jellyfin._id(f"{series.id} {title.season}"),
        "SeriesPrimaryImageTag": series.picture_tag,
        "PremiereDate": instant(aired),
    }
    numbers = {
        "ParentIndexNumber": title.season,
        "IndexNumber": title.number,
        "IndexNumberEnd": title.number_end,
    }
    return told | {name: value for name, value in numbers.items() if value is not None}


def _known(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def seen_by(jellyfin: "FakeJellyfin", person: str) -> list[Title]:
    versions = {one.id for title in jellyfin.titles.values() for one in title.versions}
    return [
        title
        for title in jellyfin.titles.values()
        if person not in title.hidden_from and title.id not in versions
    ]


def items(jellyfin: "FakeJellyfin", request: Request, person: str) -> Reply:
    """GET /Items. Ids that are none are dropped, and a listing without ids that is not recursive is
    the libraries.
    """
    ids = {_plain(one) for one in request.listed("ids") if len(_plain(one)) == 32}
    if not ids and not request.truth("recursive"):
        return Reply.json(
            {"Items": views(jellyfin), "TotalRecordCount": len(jellyfin.places), "StartIndex": 0}
        )
    types = {one.lower() for one in request.listed("includeItemTypes")}
    parent = _plain(request.asked("parentId"))
    if types == {"season"}:
        seasons = jellyfin.seasons_of(parent)
        return Reply.json({"Items": seasons, "TotalRecordCount": 0, "StartIndex": 0})
    found = [
        title
        for title in seen_by(jellyfin, person)
        if (not ids or title.id in ids)
        and (not types or title.type.lower() in types)
        and (
            not parent
            or parent in (title.place and title.place.id, title.series and title.series.id)
        )
        and all(_FILTERS[one.lower()](jellyfin, title, person) for one in request.listed("filters"))
    ]
    found.sort(
        key=_order(request, person), reverse=request.asked("sortOrder").lower().startswith("desc")
    )
    return _paged(jellyfin, request, person, found)


def resumable(jellyfin: "FakeJellyfin", request: Request, person: str) -> Reply:
    """Since 12.0 a version that is under way is listed under its own id."""
    under_way = [*seen_by(jellyfin, person)]
    if jellyfin.major >= 12:
        under_way += [version for title in under_way for version in title.versions]
    found = [title for title in under_way if title.state(person).position > 0]
    return _paged(jellyfin, request, person, found)


def next_up(jellyfin: "FakeJellyfin", request: Request, person: str) -> Reply:
    found = []
    for series in [one for one in seen_by(jellyfin, person) if one.type == "Series"]:
        episodes = sorted(
            jellyfin.episodes_of(series), key=lambda one: (one.season or 0, one.number or 0)
        )
        left = [one for one in episodes if not one.state(person).played]
        if left and len(left) < len(episodes):
            found.append(left[0])
    return _paged(jellyfin, request, person, found)


def views(jellyfin: "FakeJellyfin") -> list[dict[str, Any]]:
    return [
        {
            "Name": place.name,
            "ServerId": jellyfin.server_id,
            "Id": place.id,
            "Type": "CollectionFolder",
            "IsFolder": True,
            **({"CollectionType": place.collection_type} if place.collection_type else {}),
        }
        for place in jellyfin.places
    ]


def _paged(jellyfin: "FakeJellyfin", request: Request, person: str, found: list[Title]) -> Reply:
    start, limit = request.number("startIndex", 0), request.number("limit", len(found))
    fields, data = request.listed("fields"), request.truth("enableUserData", default=True)
    counted = request.truth("enableTotalRecordCount", default=True)
    page = [
        entry(jellyfin, title, person, fields, data=data) for title in found[start : start + limit]
    ]
    total = len(found) if counted else 0
    return Reply.json({"Items": page, "TotalRecordCount": total, "StartIndex": start})


def _order(request: Request, person: str) -> Callable[[Title], Any]:
    by = {one.lower() for one in request.listed("sortBy")}
    never = datetime.min.replace(tzinfo=UTC)
    if "dateplayed" in by:
        return lambda title: title.state(person).last_played or never
    if "datecreated" in by:
        return lambda title: (title.created, title.name)
    return lambda title: title.name


def _plain(text: str) -> str:
    return text.replace("-", "").lower()


#: `minDateLastSavedForUser` is no filter at all: it looks at the title's own date, not at the
#: person's state.
_FILTERS: dict[str, Callable[["FakeJellyfin", Title, str], bool]] = {
    "isplayed": lambda jellyfin, title, person: jellyfin.user_data(title, person)["Played"],
    "isunplayed": lambda jellyfin, title, person: not jellyfin.user_data(title, person)["Played"],
    "isresumable": lambda _, title, person: title.state(person).position > 0,
    "isfavorite": lambda _, title, person: title.state(person).favorite,
}
