"""Pictures beside the videos: which one belongs to what, and handing it out."""

from collections.abc import Iterable
from pathlib import Path

from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.folder.place import Place
from mydia_web.backends.folder.walk import Shelf
from mydia_web.backends.values import Artwork

LARGEST = 10 * 1024 * 1024
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def first_of(shelf: Shelf, names: Iterable[str]) -> str:
    """The first of the pictures (named without extension) that lies on the shelf, as `artwork_url`."""
    for name in names:
        for extension in _EXTENSIONS:
            if found := shelf.asides.get(f"{name}{extension}".lower()):
                return (shelf.folder / found).as_posix()
    return ""


def read(place: Place, url: str) -> Artwork:
    file = _inside(place, url)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise NotOnServer(f"The picture “{url}” cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise NotOnServer(f"The picture “{url}” is larger than 10 MiB.")
    return Artwork(content, _content_type(url, content))


def _inside(place: Place, url: str) -> Path:
    """The file `url` names. Where it leads decides, not how it is written."""
    try:
        file = (place.path / url).resolve()
        there = file.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise NotOnServer("That is not the name of a picture.") from error
    if not file.is_relative_to(place.path):
        raise Rejected(
            f"“{url}” is outside the library's folder. Pictures are only read inside it."
        )
    if not there:
        raise NotOnServer(f"There is no picture “{url}”.")
    return file


def _content_type(url: str, content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for magic, content_type in _MAGIC.items():
        if content.startswith(magic):
            return content_type
    raise NotOnServer(f"“{url}” is not a picture.")
