"""A stand-in for every kind of server that takes pushes."""

from collections.abc import Callable, Mapping

from tests.backends.bench import Bench
from tests.backends.emby.bench import EmbyBench
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.kodi.bench import KodiBench
from tests.backends.plex.bench import PlexBench
from tests.backends.trakt.bench import TraktBench

BENCHES: Mapping[str, Callable[[], Bench]] = {
    "jellyfin": JellyfinBench,
    "emby": EmbyBench,
    "plex": PlexBench,
    "kodi": KodiBench,
    "trakt": TraktBench,
}
