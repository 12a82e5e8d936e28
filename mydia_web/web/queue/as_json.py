"""/queue as JSON."""

from typing import Any

from flask import url_for

from mydia_web.queue.attempts import SyncAttempt
from mydia_web.queue.board import Row
from mydia_web.web.frame.filters import zone
from mydia_web.web.queue.board import Board, SourceStatus, written

_TIMES = ("intent_at", "created_at", "updated_at", "last_attempt_at", "next_attempt_at")


def board_as_json(board: Board) -> dict[str, Any]:
    older = board.page.older
    return {
        "tab": board.tab,
        "counts": {tab: count.number for tab, count in board.counts.items()},
        #: The tabs that may hold more than was counted.
        "at_least": [tab for tab, count in board.counts.items() if not count.is_exact],
        "sources": [_source(one) for one in board.strip],
        "older": url_for("queue.index") + board.query(tab=board.tab, before=written(older))
        if older
        else None,
        "rows": [_row(row, board.attempts.get(row.change.id, [])) for row in board.page.rows],
    }


def _source(one: SourceStatus) -> dict[str, Any]:
    return {
        "id": one.source.id,
        "name": one.source.name,
        "state": one.health.mood,
        "waiting": one.owed.waiting,
        "sending": one.owed.sending,
        "needs_you": one.owed.needs_you,
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
        "attempts": [_attempt(one) for one in attempts],
        **{name: at.isoformat() if (at := getattr(change, name)) else None for name in _TIMES},
    }


def _attempt(one: SyncAttempt) -> dict[str, Any]:
    return {
        "at": one.at.isoformat(),
        "outcome": one.outcome,
        "message": one.message,
        "milliseconds": one.milliseconds,
    }
