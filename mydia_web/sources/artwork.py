"""Pictures of the user's own servers: fetched once, checked, made small and kept in the data
folder.
"""

import hashlib
import io
import os
import secrets
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image
from sqlalchemy import Select, or_, select, update

from mydia_web import config
from mydia_web.backends.errors import BackendError, ServerTrouble, SignInRefused
from mydia_web.backends.values import Connection
from mydia_web.clock import now
from mydia_web.db import begin_write, db, insert_for
from mydia_web.library.models import Artwork
from mydia_web.sources.accounts import accounts_of, connection_of
from mydia_web.sources.models import Source
from mydia_web.sources.registry import open_backend

#: The widths that are made; a smaller original is not blown up.
WIDTHS = (160, 320, 480, 960)
#: A picture of more pixels than this is refused before it is unpacked.
MAX_PIXELS = 50_000_000
#: After a failure a picture is left alone for so long.
RETRY_AFTER = timedelta(minutes=10)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY = 80

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on a source, with all that fetching it needs, free of the database."""

    key: str
    url: str
    kind: str
    connection: Connection


def artwork_key(source_id: int, url: str) -> str:
    return hashlib.sha256(f"{source_id} {url}".encode()).hexdigest()[:32]


def remember_artwork(source_id: int, url: str) -> str:
    """Note that the source has this picture; its key. Nothing is fetched."""
    remember_artworks(source_id, [url])
    return artwork_key(source_id, url)


def remember_artworks(source_id: int, urls: Collection[str]) -> None:
    """Note that the source has these pictures. Nothing is fetched."""
    if not urls:
        return
    rows = [
        {"key": artwork_key(source_id, url), "source_id": source_id, "url": url} for url in urls
    ]
    row = insert_for(Artwork.__table__).on_conflict_do_nothing(index_elements=["key"])
    db.session.connection().execute(row, rows)


def cached_file(key: str, width: int) -> Path:
    """Where the picture is kept in that width, whether it is there or not."""
    return _folder() / f"{key}-{width}.webp"


def find_picture(key: str) -> Picture | None:
    """What fetching the picture needs; None where nobody knows it or it failed a short while ago."""
    return next(iter(_pictures(db.session.scalars(_ready().where(Artwork.key == key)).all())), None)


def silent_source_of(key: str) -> int | None:
    """The source of the picture, where it is taken for down."""
    of_picture = (
        select(Source.id).join(Artwork, Artwork.source_id == Source.id).where(Artwork.key == key)
    )
    return db.session.scalar(of_picture.where(Source.pause_reason == "down"))


def fetch_picture(picture: Picture, width: int) -> Path:
    """The file of the picture in that width, fetched from its source unless a larger one is kept.

    Waits for the server: call it with no transaction open. Raises `BackendError`.
    """
    file, largest = cached_file(picture.key, width), cached_file(picture.key, WIDTHS[-1])
    with _one_at_a_time(picture.key):
        if file.exists():
            return file
        if not largest.exists():
            _store(_shrunk(_fetch(picture), WIDTHS[-1]), largest)
        if width != WIDTHS[-1]:
            _store(_shrunk(largest.read_bytes(), width), file)
    return file


def note_failures(keys: Sequence[str]) -> None:
    """Leave these pictures alone for a while."""
    db.session.execute(update(Artwork).where(Artwork.key.in_(keys)).values(failed_at=now()))


def fetch_ahead(limit: int, width: int = 320) -> int:
    """Fetch up to `limit` pictures that are not kept yet; how many came.

    Ends the caller's transaction before it waits for a server (so it must have nothing to commit)
    and leaves its note of failures to be committed.
    """
    pictures = _missing(limit)
    db.session.rollback()
    failed = []
    for picture in pictures:
        try:
            fetch_picture(picture, width)
        except BackendError:
            failed.append(picture.key)
    if failed:
        begin_write()
        note_failures(failed)
    return len(pictures) - len(failed)


def _folder() -> Path:
    folder = config.data_dir(config.settings()) / "artwork"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _ready() -> Select[Any]:
    return select(Artwork).where(
        or_(Artwork.failed_at.is_(None), Artwork.failed_at < now() - RETRY_AFTER)
    )


def _missing(limit: int) -> list[Picture]:
    kept = {file.name.partition("-")[0] for file in os.scandir(_folder())}
    rows = db.session.scalars(_ready().order_by(Artwork.id).execution_options(yield_per=500))
    with closing(rows):
        missing = list(islice((row for row in rows if row.key not in kept), limit))
    return _pictures(missing)


def _pictures(rows: Sequence[Artwork]) -> list[Picture]:
    """With the sign-in of the first account that is not refused: pictures are the same for
    everyone.
    """
    connections = {
        source_id: _connection(source_id) for source_id in {row.source_id for row in rows}
    }
    return [
        Picture(row.key, row.url, *found) for row in rows if (found := connections[row.source_id])
    ]


def _connection(source_id: int) -> tuple[str, Connection] | None:
    source = db.session.get_one(Source, source_id)
    account = min(
        accounts_of(source_id), key=lambda one: (one.refused_at is not None, one.id), default=None
    )
    try:
        return source.kind, connection_of(source, account)
    except SignInRefused:
        return None


def _fetch(picture: Picture) -> bytes:
    backend = open_backend(picture.kind, picture.connection)
    try:
        return backend.artwork(picture.url).content
    finally:
        backend.close()


def _shrunk(content: bytes, width: int) -> bytes:
    """The picture as WebP, at most `width` wide. Raises `ServerTrouble` for what is none."""
    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ServerTrouble("The picture is too large to be shown.")
            height = max(1, round(image.height * width / image.width))
            image.draft("RGB", (width, height))
            plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
        if plain.width > width:
            plain = plain.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        plain.save(out, "WEBP", quality=_QUALITY, method=2)
    except ServerTrouble:
        raise
    except Exception as error:
        raise ServerTrouble(
            "The server sent something that cannot be read as a picture."
        ) from error
    return out.getvalue()


def _store(content: bytes, file: Path) -> None:
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ServerTrouble(f"The picture cannot be kept: {error.strerror}.") from error


#: Striped: two pictures rarely share one, and no table of locks grows.
_LOCKS = tuple(Lock() for _ in range(64))


def _one_at_a_time(key: str) -> Lock:
    return _LOCKS[int(key[:8], 16) % len(_LOCKS)]
