"""/webhooks: servers tell their news here. It is stored, answered at once, and applied by the
worker.
"""

import json
from datetime import datetime

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import KINDS, json_object, parse
from mydia_web.db import begin_write, db
from mydia_web.errors import NotFound
from mydia_web.queue.outages import note_alive
from mydia_web.queue.wakeup import INBOX, notify
from mydia_web.sources.inbox import note_heard, source_of_webhook, store_event
from mydia_web.web.frame.auth import for_servers

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")

#: Plex sends a picture along; everything else is small.
MAX_BYTES = 10 * 1024 * 1024
#: Of what could not be read, so much is kept to be looked at.
_KEPT_CHARS = 2000


@bp.post("/<kind>/<secret>")
@for_servers
def receive(kind: str, secret: str) -> ResponseReturnValue:
    """202 once it is stored; 400 with the reason for what is no news, which is kept on the source's
    page too.
    """
    request.max_content_length = MAX_BYTES
    if kind not in KINDS:
        raise NotFound(f"There are no webhooks of a kind {kind[:20]}. Kinds: {', '.join(KINDS)}.")
    source = source_of_webhook(secret)
    heard = source.id, source.last_event_at
    db.session.rollback()
    body = request.get_data()
    try:
        payload = json_object(request.content_type or "", body)
        event = parse(kind, payload)
    except BadPayload as error:
        kept = body[:_KEPT_CHARS].decode("utf-8", "replace").replace("\0", "")
        _store(heard, kind, kept, status="failed", message=error.message)
        return jsonify(error={"message": error.message}), error.status
    _store(heard, kind, json.dumps(payload), name=event.name)
    return jsonify(stored=True), 202


def _store(heard: tuple[int, datetime | None], kind: str, body: str, **what: str) -> None:
    """`heard`: which source, and when it was last heard of."""
    begin_write()
    store_event(heard[0], kind, body, **what)
    notify(INBOX)
    if note_heard(*heard):
        note_alive(heard[0])
    db.session.commit()
