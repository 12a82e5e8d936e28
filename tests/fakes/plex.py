"""A fake Plex Media Server: HTTP on loopback, with the state and the traps of the real one."""

import re
from typing import Any

from tests.fakes.plex_http import FakeServer, Reply, Request, tree
from tests.fakes.plex_library import Library, Title
from tests.fakes.plex_tv import ALICE, BOB, CAROL, FakePlexTv

__all__ = ["ALICE", "BOB", "CAROL", "FakePlex", "Title"]

_KINDS = {1: "movie", 2: "show", 4: "episode"}
_NOTHING = Reply.page(404, "Not Found")


class FakePlex(FakeServer, Library):
    """Alice's server, with the plex.tv it belongs to. Bob is in her Home, Carol is a friend."""

    def __init__(self, tv: FakePlexTv | None = None, *, machine_id: str = "5ca1ab1e" * 5) -> None:
        Library.__init__(self)
        self.tv = tv or FakePlexTv()
        self.machine_id, self.name, self.version = machine_id, "Attic", "1.43.0.10492"
        self.tv.servers[machine_id] = self.name
        #: The share (per cent) from which a play counts; None: no such setting.
        self.threshold: int | None = 90
        #: The fate of a position in the first minute: "kept", "ignored" or "cleared".
        self.first_minute = "ignored"
        #: Whether a stop at 0 clears the position.
        self.zero_clears = False
        #: Whether changes are answered with 200 and ignored.
        self.ignores_changes = False
        #: The largest page, whatever is asked for.
        self.page_cap = 1000
        #: The status for somebody who is not the owner.
        self.not_for_you = 403
        self.starting = False
        #: (title, user, position, is paused) of what is played.
        self.sessions: list[tuple[Title, int, int, bool]] = []
        FakeServer.__init__(self)

    def close(self) -> None:
        super().close()
        self.tv.close()

    def watch(self, title: Title, user_id: int = ALICE) -> None:
        """Play it to the end in a player."""
        self.scrobble(title, user_id)

    def stop_at(self, title: Title, position: int, user_id: int = ALICE) -> None:
        self._stopped(title, user_id, position, title.duration)

    def user_of(self, token: str) -> int | None:
        """Return the user of a token: the owner's account token, or one for this server."""
        if self.tv.accounts.get(token) == ALICE:
            return ALICE
        return self.tv.user_of_server_token(token, self.machine_id)

    def writes(self) -> list[Request]:
        changing = ("/:/scrobble", "/:/unscrobble", "/:/timeline")
        return [one.request for one in self.exchanges if one.request.path in changing]

    def answer(self, request: Request) -> Reply:
        if self.starting:
            return Reply(503, b"<html>Starting</html>", "text/html", {"Retry-After": "5"})
        if request.path == "/identity":
            return tree(request, {"MediaContainer": {"size": 0, **self._names(), "claimed": True}})
        user = self.user_of(request.header("X-Plex-Token"))
        if user is None:
            return Reply.page(401, "Unauthorized")
        if (path := request.path) in ("/:/scrobble", "/:/unscrobble", "/:/timeline"):
            return self._change(request, user)
        if path in ("/status/sessions", "/:/prefs/get"):
            if user != ALICE:
                return Reply.page(self.not_for_you, "Forbidden")
            return (
                self._sessions(request) if path == "/status/sessions" else self._preference(request)
            )
        return self._look_up(request, user)

    def _names(self) -> dict[str, Any]:
        return {"machineIdentifier": self.machine_id, "version": self.version}

    def _look_up(self, request: Request, user: int) -> Reply:
        path = request.path
        if path == "/":
            names = {**self._names(), "friendlyName": self.name, "myPlexUsername": "alice"}
            return tree(request, {"MediaContainer": {"size": 0, **names}})
        if path == "/library":
            return tree(request, {"MediaContainer": {"size": 0, "title1": "Plex Library"}})
        if path in ("/library/sections", "/library/sections/all"):
            directories = [section.directory() for section in self.sections]
            return tree(
                request, {"MediaContainer": {"size": len(directories), "Directory": directories}}
            )
        if found := re.fullmatch(r"/library/sections/(\d+)/all", path):
            return self._list(request, user, int(found[1]))
        if found := re.fullmatch(r"/library/metadata/([\d,]+)", path):
            keys = [int(key) for key in found[1].split(",") if key]
            entries = [self.titles[key].metadata(user) for key in keys if key in self.titles]
            return self._entries(request, entries, len(entries), 0) if entries else _NOTHING
        if found := re.fullmatch(r"/library/metadata/(\d+)/thumb/\d+", path):
            picture = b"\xff\xd8\xff" + found[1].encode()
            return Reply(200, picture, "image/jpeg") if int(found[1]) in self.titles else _NOTHING
        return _NOTHING

    def _list(self, request: Request, user: int, section: int) -> Reply:
        query, kind = request.query, _KINDS.get(int(request.query.get("type", 0)))
        titles = [
            one for one in self.titles.values() if one.section == section and one.kind == kind
        ]
        for name in ("lastViewedAt>>", "viewOffset>>"):
            if name in query:
                member = "last_viewed_at" if name.startswith("last") else "view_offset"
                after = int(query[name])
                titles = [one for one in titles if (getattr(one.of(user), member) or 0) > after]
        titles.sort(key=lambda one: (one.added_at, one.key))
        start = int(request.header("X-Plex-Container-Start") or 0)
        size = min(int(request.header("X-Plex-Container-Size") or self.page_cap), self.page_cap)
        entries = [one.metadata(user) for one in titles[start : start + size]]
        return self._entries(request, entries, len(titles), start)

    def _entries(self, request: Request, entries: list[Any], total: int, start: int) -> Reply:
        left_out = request.query.get("excludeElements", "").split(",")
        if request.query.get("includeGuids") != "1":
            left_out = [*left_out, "Guid"]
        entries = [{k: v for k, v in entry.items() if k not in left_out} for entry in entries]
        frame = {"size": len(entries), "totalSize": total, "offset": start, "Metadata": entries}
        headers = {"X-Plex-Container-Start": str(start), "X-Plex-Container-Total-Size": str(total)}
        # Plex leaves out an empty list.
        return tree(
            request, {"MediaContainer": {k: v for k, v in frame.items() if v != []}}, **headers
        )

    def _change(self, request: Request, user: int) -> Reply:
        """Change a title; GET does it, too."""
        query, is_timeline = request.query, request.path == "/:/timeline"
        key = query.get("ratingKey" if is_timeline else "key", "")
        if query.get("identifier") != "com.plexapp.plugins.library" or not key.isdecimal():
            return Reply.page(400, "Bad Request")
        title = self.titles.get(int(key))
        if title is None:
            return _NOTHING
        if not self.ignores_changes:
            if request.path == "/:/scrobble":
                self.scrobble(title, user)
            elif request.path == "/:/unscrobble":
                self.unscrobble(title, user)
            elif query.get("duration") and request.header("X-Plex-Client-Identifier"):
                self._stopped(title, user, int(query["time"]), int(query["duration"]))
        return tree(request, {"MediaContainer": {"size": 0}}) if is_timeline else Reply()

    def _stopped(self, title: Title, user: int, position: int, duration: int) -> None:
        """Stop a player: near the end that is a play, near the beginning it may be nothing."""
        played = title.of(user)
        ends_at = min((self.threshold or 90) / 100, title.credits_at)
        if position >= duration * ends_at:
            self.scrobble(title, user)
        elif position == 0 and not self.zero_clears:
            pass
        elif position >= 60_000 or (position and self.first_minute == "kept"):
            played.view_offset, played.last_viewed_at = position, self.second()
        elif position == 0 or self.first_minute == "cleared":
            played.view_offset, played.last_viewed_at = None, self.second()

    def _sessions(self, request: Request) -> Reply:
        names = {ALICE: "alice", BOB: "Bob", CAROL: "carol"}
        entries = [
            title.metadata(user)
            | {
                "sessionKey": str(number),
                "viewOffset": position,
                # The owner is number 1 on her own server.
                "User": {"id": "1" if user == ALICE else str(user), "title": names[user]},
                "Player": {"title": "Living room TV", "state": "paused" if paused else "playing"},
                "Session": {"id": f"s{number}", "bandwidth": 9000, "location": "lan"},
            }
            for number, (title, user, position, paused) in enumerate(self.sessions, 1)
        ]
        return tree(request, {"MediaContainer": {"size": len(entries), "Metadata": entries}})

    def _preference(self, request: Request) -> Reply:
        name = request.query.get("id", "")
        if name != "LibraryVideoPlayedThreshold" or self.threshold is None:
            return _NOTHING
        setting = {
            "id": name,
            "type": "int",
            "default": 90,
            "value": self.threshold,
            "group": "library",
        }
        return tree(request, {"MediaContainer": {"size": 1, "Setting": [setting]}})
