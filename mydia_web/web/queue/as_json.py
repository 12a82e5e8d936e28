"""The queue's page as JSON."""

from datetime import datetime
from typing import Any

from mydia_web.queue.attempts import SyncAttempt
from mydia_web.queue.board import Row
from mydia_web.queue.models import QueuedChange
from mydia_web.web.frame.filters import zone
from mydia_web.web.queue.board import Board, SourceStatus

_TIMES = ("intent_at", "created_at", "updated_at", "last_attempt_at", "next_attempt_at")


def board_as_json(board: Board) -> dict[str, Any]:
    return {
        "tab": board.tab,
        "counts": {tab: count.number for tab, count in board.counts.items()},
        #: The tabs that may hold more than was counted.
        "at_least": [tab for tab, count in board.counts.items() if not count.is_exact],
        "sources": [_source(status) for status in board.sources],
        "older": board.older,
        "rows": [_row(row, board.attempts.get(row.change.id, [])) for row in board.page.rows],
    }


def _source(status: SourceStatus) -> dict[str, Any]:
    return {
        "id": status.source.id,
        "name": status.source.name,
        "state": status.health.mood,
        "waiting": status.owed.waiting,
        "sending": status.owed.sending,
        "needs_you": status.owed.needs_you,
    }


def _row(row: Row, attempts: list[SyncAttempt]) -> dict[str, Any]:
    change = row.change
    return {
        "id": change.id,
        "text": str(row.sentence(zone())),
        "user": row.user_name,
        "source": row.source_name,
        "title": row.title,
        "season": row.season_number,
        "episode": row.episode_number,
        "status": change.status,
        "change_type": change.change_type,
        "completed": change.completed,
        "position_ms": change.position_ms,
        "play_key": change.play_key,
        "origin": change.origin,
        "attempt_count": change.attempt_count,
        "error_class": change.error_class,
        "error_message": change.error_message,
        "attempts": [_attempt(attempt) for attempt in attempts],
        **{name: _time(change, name) for name in _TIMES},
    }


def _time(change: QueuedChange, name: str) -> str | None:
    at: datetime | None = getattr(change, name)
    if at:
        return at.isoformat()
    return None


def _attempt(attempt: SyncAttempt) -> dict[str, Any]:
    return {
        "at": attempt.at.isoformat(),
        "outcome": attempt.outcome,
        "message": attempt.message,
        "milliseconds": attempt.milliseconds,
    }
