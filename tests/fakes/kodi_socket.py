"""What the fake Kodi announces, as Kodi 20.1 was seen to."""

from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import Video
from tests.fakes.sockets import Sockets


class LoudKodi(FakeKodi):
    """A fake Kodi with its port of notifications."""

    def __init__(self, **options: str) -> None:
        self.sockets = Sockets(answer=self._answer, wraps_pongs=True)
        #: Holds the connection and says nothing, as a machine that sleeps.
        self.sleeps = False
        super().__init__(**options)
        self.on_change = self._announce_change

    @property
    def credentials(self) -> dict[str, str]:
        return {**super().credentials, "websocket_port": str(self.sockets.port)}

    def down(self) -> None:
        self.sockets.down()
        super().down()

    close = down

    def up(self) -> None:
        self.sockets.up()
        super().up()

    def _answer(self, question: dict[str, object]) -> dict[str, object] | None:
        result = {"id": question.get("id"), "jsonrpc": "2.0", "result": "pong"}
        return result if question.get("method") == "JSONRPC.Ping" and not self.sleeps else None

    def announce(self, method: str, data: object) -> None:
        params = {"sender": "xbmc", "data": data}
        self.sockets.say({"jsonrpc": "2.0", "method": method, "params": params})

    def play(self, video: Video) -> None:
        super().play(video)
        self.announce(
            "Player.OnPlay", {"item": _item(video), "player": {"playerid": 1, "speed": 1}}
        )
        self.announce(
            "Player.OnAVStart", {"item": _item(video), "player": {"playerid": 1, "speed": 1}}
        )

    def pause(self) -> None:
        assert self.playing is not None
        self.paused = True
        player = {"playerid": 1, "speed": 0}
        self.announce("Player.OnPause", {"item": _item(self.playing), "player": player})

    def stop(self, at_seconds: float) -> None:
        video = self.playing
        assert video is not None
        super().stop(at_seconds)
        self.announce("VideoLibrary.OnUpdate", {"item": _item(video)})
        self.announce("VideoLibrary.OnUpdate", _item(video))
        self.announce("Player.OnStop", {"end": False, "item": _item(video)})

    def mark(self, video: Video, playcount: int) -> None:
        """As a person does there."""
        video.played.playcount = playcount
        video.played.lastplayed = self.local_now() if playcount else video.played.lastplayed
        self._announce_change(video, True)

    def _announce_change(self, video: Video, plays: bool) -> None:
        """A change of the resume point alone is not announced."""
        told = {"playcount": video.played.playcount} if plays else {}
        self.announce("VideoLibrary.OnUpdate", {"item": _item(video), **told})


def _item(video: Video) -> dict[str, object]:
    return {"id": video.id, "type": video.kind}
