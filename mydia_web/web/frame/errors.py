"""Errors of all views, answered as a page, as a toast for htmx, or as JSON."""

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

#: Title and message of each status that may come without a message of its own.
_WORDS = {
    400: ("That did not work", "The request could not be understood. Nothing was changed."),
    401: ("Sign in first", "This needs a sign-in, or a valid token."),
    403: ("Admins only", "Only an admin can do this. Ask whoever runs this server."),
    404: (
        "Not found",
        "There is nothing here. It may have been removed, or the address was mistyped.",
    ),
    405: ("Not allowed", "This address cannot be used like that. Nothing was changed."),
    413: ("Too large", "What was sent is larger than this server accepts. Nothing was changed."),
    415: ("Not JSON", "Send JSON, with the header Content-Type: application/json."),
    422: ("That value cannot be used", "A value cannot be used. Nothing was changed."),
    429: ("Too many attempts", "Too many attempts. Wait a minute, then try again."),
    500: (
        "Something broke here",
        "This is our fault, not yours. Nothing was changed; the log says what happened.",
    ),
    503: ("Busy", "The database is busy. Nothing was changed; try again in a moment."),
}
_EXPIRED = "This page was open for too long. Reload it and try again; nothing was changed."


def register(app: Flask) -> None:
    app.register_error_handler(MydiaError, _own_error)
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(HTTPException, _http_error)


def _own_error(error: MydiaError) -> Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.exception("request failed")
    field = error.field if isinstance(error, InvalidValue) else None
    return answer(error.status, error.message, field=field)


def _expired(_error: CSRFError) -> Response:
    return answer(400, _EXPIRED, title="This page is out of date")


def _database_error(_error: OperationalError) -> Response:
    log.exception("database error")
    return answer(503)


def _http_error(error: HTTPException) -> Response:
    """Answer with the status, and the headers that HTTP requires of it."""
    response = answer(error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def answer(
    status: int, message: str | None = None, *, title: str | None = None, field: str | None = None
) -> Response:
    """Answer in the form that was asked for, after rolling back what the request began to write."""
    db.session.rollback()
    default_title, default_message = _default_words(status)
    message = message or default_message
    if is_api():
        return _json(status, message, field)
    if htmx.wants_fragment():
        toast = render_template("errors/_toast.html", message=message)
        return make_response(toast, status)
    page = render_template(
        "errors/error.html", code=status, title=title or default_title, message=message
    )
    return make_response(page, status)


def _default_words(status: int) -> tuple[str, str]:
    if status in _WORDS:
        return _WORDS[status]
    _, message = _WORDS[400]
    return HTTPStatus(status).phrase, message


def _json(status: int, message: str, field: str | None) -> Response:
    body: dict[str, object] = {"error": message}
    if field:
        body = {"errors": {field: [message]}}
    response = make_response(jsonify(body), status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="mydia-web"'
    return response
