"""What went wrong, told once for all views: as a page, as a message for htmx, or as JSON."""

import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, make_response, render_template
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from mydia_web.db import db
from mydia_web.errors import InvalidValue, MydiaError
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import is_api

log = logging.getLogger(__name__)

#: A title and a sentence for each status that can come up without words of its own.
_WORDS = {
    400: ("That did not work", "The request could not be understood. Nothing was changed."),
    401: ("Sign in first", "This needs a sign-in, or a valid token."),
    403: ("Not yours to change", "Only an admin can do this. Ask whoever runs this server."),
    404: (
        "Not found",
        "There is nothing here. It may have been removed, or the address was mistyped.",
    ),
    405: ("Not this way", "This address cannot be used like that. Nothing was changed."),
    413: ("Too large", "What was sent is larger than this server accepts. Nothing was changed."),
    415: ("Not JSON", "Send JSON, with the header Content-Type: application/json."),
    422: ("That value cannot be used", "A value cannot be used. Nothing was changed."),
    429: ("Too many tries", "Too many tries in a short time. Wait a minute, then try again."),
    500: (
        "Something broke here",
        "This is our fault, not yours. Nothing was changed; the log says what happened.",
    ),
    503: ("Busy", "The database is busy just now. Nothing was changed; try again in a moment."),
}
_EXPIRED = "This page was open for too long. Reload it, then try again; nothing was changed."


def register(app: Flask) -> None:
    app.register_error_handler(MydiaError, _told_by_us)
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(OperationalError, _database_trouble)
    app.register_error_handler(HTTPException, _told_by_http)


def _told_by_us(error: MydiaError) -> Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.exception("request failed")
    field = error.field if isinstance(error, InvalidValue) else None
    return answer(error.status, error.message, field=field)


def _expired(_error: CSRFError) -> Response:
    return answer(400, _EXPIRED, title="This page is out of date")


def _database_trouble(_error: OperationalError) -> Response:
    log.exception("database trouble")
    return answer(503)


def _told_by_http(error: HTTPException) -> Response:
    """Keeps what HTTP demands of the status: Allow, Retry-After, WWW-Authenticate."""
    response = answer(error.code or 500)
    kept = ("Allow", "Retry-After")
    for name, value in error.get_headers():
        if name in kept:
            response.headers[name] = value
    return response


def answer(
    status: int, message: str | None = None, *, title: str | None = None, field: str | None = None
) -> Response:
    """The error in the form that was asked for. What the request had begun to write is taken back."""
    db.session.rollback()
    known_title, known_message = _WORDS.get(status, (HTTPStatus(status).phrase, _WORDS[400][1]))
    message, title = message or known_message, title or known_title
    if is_api():
        return _json(status, message, field)
    if htmx.wants_fragment():
        toast = render_template("errors/_toast.html", message=message)
        return make_response(toast, status)
    page = render_template("errors/error.html", code=status, title=title, message=message)
    return make_response(page, status)


def _json(status: int, message: str, field: str | None) -> Response:
    said = {"errors": {field: [message]}} if field else {"error": message}
    response = make_response(jsonify(said), status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="mydia-web"'
    return response
