"""What it means for what is owed to a source that it was heard of again. Nothing here commits."""

from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import health


def note_reached(source_id: int) -> None:
    """It has just answered us: it is not down any more, and what waits after failures is due."""
    if health.note_reached(source_id):
        PlaybackSyncRepository().resume_source(source_id)


def note_alive(source_id: int) -> None:
    """It was heard of, though not by an answer to us: taken for down, it is asked at once, by one
    delivery.
    """
    if health.probe_soon(source_id):
        PlaybackSyncRepository().resume_source(source_id, limit=1)


def note_recovered(source_id: int) -> None:
    """A delivery got through: where the source was taken for down, that ends, and what waits after
    failures is due.
    """
    if health.end_outage(source_id):
        PlaybackSyncRepository().resume_source(source_id)
