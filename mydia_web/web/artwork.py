"""/artwork/<key>: pictures from the servers, kept in our own cache."""

import re
from pathlib import Path

from flask import Blueprint, Response, abort, make_response, request
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BackendError
from mydia_web.db import begin_write, db
from mydia_web.queue.outages import note_alive
from mydia_web.sources.artwork import (
    WIDTHS,
    cached_file,
    fetch_picture,
    find_picture,
    note_failures,
    silent_source_of,
)
from mydia_web.web.frame.transactions import talks_to_servers

bp = Blueprint("artwork", __name__)

_KEY = re.compile(r"[0-9a-f]{32}")
#: Stands in for a missing picture: transparent, so that the title card under it shows.
_EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 3"/>'


@bp.get("/artwork/<key>")
@talks_to_servers
def picture(key: str) -> ResponseReturnValue:
    """Send the picture as WebP, fetched from its server the first time; else a blank, uncached."""
    width = request.args.get("w", WIDTHS[1], type=int)
    if not _KEY.fullmatch(key) or width not in WIDTHS:
        abort(404)
    file = cached_file(key, width)
    if not file.exists():
        fetched = _fetch(key, width)
        if fetched is None:
            return _blank()
        file = fetched
    return _picture(file, etag=f"{key}-{width}")


def _picture(file: Path, etag: str) -> Response:
    response = make_response(file.read_bytes())
    response.mimetype = "image/webp"
    response.set_etag(etag)
    response.make_conditional(request)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _fetch(key: str, width: int) -> Path | None:
    picture = find_picture(key)
    db.session.rollback()
    if picture is None:
        return None
    try:
        file = fetch_picture(picture, width)
    except BackendError:
        begin_write()
        note_failures([key])
        db.session.commit()
        return None
    _note_alive(key)
    return file


def _note_alive(key: str) -> None:
    source_id = silent_source_of(key)
    db.session.rollback()
    if source_id is not None:
        begin_write()
        note_alive(source_id)
        db.session.commit()


def _blank() -> Response:
    response = make_response(_EMPTY, 404)
    response.mimetype = "image/svg+xml"
    response.headers["Cache-Control"] = "no-store"
    return response
