"""Pictures from people's own servers: fetched once, checked, shrunk and cached on disk."""

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

#: Widths in pixels that are made of a picture; a smaller original is not enlarged.
WIDTHS = (160, 320, 480, 960)
#: A picture of more pixels is refused before it is decoded.
MAX_PIXELS = 50_000_000
#: How long a picture is left alone after a failure.
RETRY_AFTER = timedelta(minutes=10)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY = 80

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything it takes to fetch a picture, apart from the database."""

    key: str
    url: str
    kind: str
    connection: Connection


def artwork_key(source_id: int, url: str) -> str:
    return hashlib.sha256(f"{source_id} {url}".encode()).hexdigest()[:32]


def remember_artwork(source_id: int, url: str) -> str:
    """Note that the source has this picture, and return its key. Nothing is fetched."""
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
    """Return where the picture is cached in that width, whether it exists or not."""
    return _folder() / f"{key}-{width}.webp"


def find_picture(key: str) -> Picture | None:
    """Return the picture to fetch; None where it is unknown or failed a short while ago."""
    rows = db.session.scalars(_ready().where(Artwork.key == key)).all()
    return next(iter(_pictures(rows)), None)


def silent_source_of(key: str) -> int | None:
    """Return the source of the picture if it is known to be down."""
    of_picture = (
        select(Source.id).join(Artwork, Artwork.source_id == Source.id).where(Artwork.key == key)
    )
    return db.session.scalar(of_picture.where(Source.pause_reason == "down"))


def fetch_picture(picture: Picture, width: int) -> Path:
    """Return the file of the picture in that width, fetched unless the largest one is cached.

    This waits for the server, so no transaction may be open. Raise `BackendError`.
    """
    file = cached_file(picture.key, width)
    largest = cached_file(picture.key, WIDTHS[-1])
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
    """Fetch up to `limit` pictures that are not cached yet; return how many came.

    This ends the caller's transaction before it waits for a server, so the caller must have
    nothing to commit, and leaves its note of failures for the caller to commit.
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
    cached = {file.name.partition("-")[0] for file in os.scandir(_folder())}
    rows = db.session.scalars(_ready().order_by(Artwork.id).execution_options(yield_per=500))
    with closing(rows):
        missing = list(islice((row for row in rows if row.key not in cached), limit))
    return _pictures(missing)


def _pictures(rows: Sequence[Artwork]) -> list[Picture]:
    """Add to each row a way to reach its source."""
    source_ids = {row.source_id for row in rows}
    connections = {source_id: _connection(source_id) for source_id in source_ids}
    pictures: list[Picture] = []
    for row in rows:
        found = connections[row.source_id]
        if found is not None:
            kind, connection = found
            picture = Picture(key=row.key, url=row.url, kind=kind, connection=connection)
            pictures.append(picture)
    return pictures


def _connection(source_id: int) -> tuple[str, Connection] | None:
    """Return the kind and the connection of a source, by an account that is not refused.

    Pictures are the same for everyone.
    """
    source = db.session.get_one(Source, source_id)
    accounts = accounts_of(source_id)
    accepted = [account for account in accounts if account.refused_at is None]
    account = next(iter([*accepted, *accounts]), None)
    try:
        return source.kind, connection_of(source, account)
    except SignInRefused:
        return None


def _fetch(picture: Picture) -> bytes:
    with closing(open_backend(picture.kind, picture.connection)) as backend:
        return backend.artwork(picture.url).content


def _shrunk(content: bytes, width: int) -> bytes:
    """Return the picture as WebP, at most `width` wide. Raise `ServerTrouble` for anything else."""
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


#: Striped locks: two pictures rarely share one, and the table never grows.
_LOCKS = tuple(Lock() for _ in range(64))


def _one_at_a_time(key: str) -> Lock:
    return _LOCKS[int(key[:8], 16) % len(_LOCKS)]
