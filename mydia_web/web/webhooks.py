"""/webhooks: events from servers, stored and acknowledged at once; the worker applies them."""

import json
from typing import NamedTuple

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
#: How many characters of an unreadable body are kept for people to look at.
_KEPT_CHARS = 2000


@bp.post("/<kind>/<secret>")
@for_servers
def receive(kind: str, secret: str) -> ResponseReturnValue:
    """Answer 202 once the event is stored.

    400 with the reason for a body that is no event; the source's page shows that one too.
    """
    request.max_content_length = MAX_BYTES
    if kind not in KINDS:
        raise NotFound(f"There are no webhooks of a kind {kind[:20]}. Kinds: {', '.join(KINDS)}.")
    source = source_of_webhook(secret)
    source_id = source.id
    last_event_at = source.last_event_at
    db.session.rollback()
    delivery = _read(kind)
    begin_write()
    store_event(source_id, kind, delivery.body, **delivery.stored)
    notify(INBOX)
    if note_heard(source_id, last_event_at):
        note_alive(source_id)
    db.session.commit()
    return delivery.answer


class _Delivery(NamedTuple):
    """The body of a request as it is stored, and the answer to it."""

    body: str
    stored: dict[str, str]
    answer: ResponseReturnValue


def _read(kind: str) -> _Delivery:
    body = request.get_data()
    try:
        payload = json_object(request.content_type or "", body)
        event = parse(kind, payload)
    except BadPayload as error:
        kept = body[:_KEPT_CHARS].decode("utf-8", "replace").replace("\0", "")
        answer = jsonify(error={"message": error.message}), error.status
        return _Delivery(kept, {"status": "failed", "message": error.message}, answer)
    return _Delivery(json.dumps(payload), {"name": event.name}, (jsonify(stored=True), 202))
