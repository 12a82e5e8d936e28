"""What the queue does when a server is back: changes that wait after failures become due.

Nothing here commits.
"""

from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import health


def note_reached(source_id: int) -> None:
    """End the outage of a server that has just answered us."""
    if health.note_reached(source_id):
        PlaybackSyncRepository().resume_source(source_id)


def note_alive(source_id: int) -> None:
    """Let one delivery probe a server that has shown a sign of life without answering us."""
    if health.probe_soon(source_id):
        PlaybackSyncRepository().resume_source(source_id, limit=1)


def note_recovered(source_id: int) -> None:
    """End the outage of a server that has just taken a delivery."""
    if health.end_outage(source_id):
        PlaybackSyncRepository().resume_source(source_id)
