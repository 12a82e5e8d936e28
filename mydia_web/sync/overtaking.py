"""What a push found on the server instead of what it expected: news, taken over before anything is written there."""

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.db import db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sync.delivery import Delivery
from mydia_web.sync.incoming import Incoming
from mydia_web.sync.pull import Report


def take_news(delivery: Delivery, source_item_id: int, found: RemoteState) -> None:
    """Merge what was found. The push goes out again with what is wanted then."""
    source, copy = db.session.get(Source, delivery.source_id), db.session.get(SourceItem, source_item_id)
    content = content_of(delivery)
    if source is None or copy is None or content is None or delivery.account_id is None:
        return
    item = RemoteItem(copy.remote_id, content.content_kind, content.title, state=found)
    with Act(delivery.user_id, "pull", source_id=source.id) as act:
        Incoming(act, source, delivery.account_id, Report()).take_found(copy, item, content)


def content_of(delivery: Delivery) -> Content | None:
    """None: it is gone here."""
    if delivery.episode_id is not None:
        return db.session.get(Episode, delivery.episode_id)
    return db.session.get(MediaItem, delivery.media_item_id)
