"""Pictures for the sample library, kept where those of real servers are."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from mydia_web.demo.art.pictures import as_webp, paint_poster, paint_still
from mydia_web.demo.films import FILMS
from mydia_web.demo.library import Library
from mydia_web.demo.shows import SHOWS
from mydia_web.sources.artwork import WIDTHS, cached_file, remember_artwork

#: How many stills a show has; its episodes take them in turn.
STILLS = 5

_Painter = Callable[[], Image.Image]


def add_artwork(library: Library, source_id: int) -> None:
    """Paint everything and keep it as if the source had sent it."""
    jobs = [*_posters(library, source_id), *_stills(library, source_id)]
    # Pillow lets go of Python's lock while it scales and compresses.
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(_paint, *zip(*jobs, strict=True)):
            pass


def _posters(library: Library, source_id: int) -> Iterator[tuple[Path, _Painter]]:
    for title in (*FILMS, *SHOWS):
        item = library.films.get(title.title) or library.shows[title.title]
        if title.look:
            key = remember_artwork(source_id, f"image://demo/{item.id}/poster/")
            item.artwork_key = key
            yield (
                _original(key),
                partial(paint_poster, title.title, str(item.year or ""), title.look),
            )


def _stills(library: Library, source_id: int) -> Iterator[tuple[Path, _Painter]]:
    for show in SHOWS:
        if show.look is None:
            continue
        keys = [
            remember_artwork(
                source_id, f"image://demo/{library.shows[show.title].id}/still/{number}/"
            )
            for number in range(STILLS)
        ]
        for index, episode in enumerate(library.episodes_of(show.title)):
            # Seasons begin with different ones.
            episode.artwork_key = keys[(index + episode.season_number) % STILLS]
        for number, key in enumerate(keys):
            yield _original(key), partial(paint_still, show.title, show.look, number)


def _original(key: str) -> Path:
    """The largest width: the others are made of it when a page asks for them."""
    return cached_file(key, WIDTHS[-1])


def _paint(file: Path, painter: _Painter) -> None:
    file.write_bytes(as_webp(painter()))
