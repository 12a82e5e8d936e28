"""One server's state of a title for everybody: taken over here, and told to all who show another."""

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act
from mydia_web.playback.progress import length_for, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.records import get_progress, locked_progress
from mydia_web.playback.telling import enqueue_current_state
from mydia_web.sources.accounts import sources_to_tell
from mydia_web.sources.models import SourceAccount, SourceItem, SourceItemState


def adopt_remote_state(user_id: int, content: Content, source_item_id: int) -> Act:
    """Make the state that this copy last showed the user's, here and on every server. Raises
    `NotFound`.
    """
    state, source_id = _shown(user_id, source_item_id)
    # Before the first look at our own state.
    locked_progress(user_id, content)
    with Act(user_id, "web", source_id=source_id) as act:
        _take(act, content, state)
        for source in sources_to_tell(user_id, content):
            if source.source_id != source_id:
                enqueue_current_state(act, content, source, get_progress(user_id, content))
    return act


def _take(act: Act, content: Content, state: SourceItemState) -> None:
    own = get_progress(act.user_id, content)
    if not state.watched and not state.position_ms:
        mark_unwatched(act.user_id, content, act=act)
        return
    if own and own.watched and not state.watched:
        mark_unwatched(act.user_id, content, act=act)
    if state.watched:
        is_unknown = state.last_played_at is None
        mark_watched(
            act.user_id, content, at=state.last_played_at, date_unknown=is_unknown, act=act
        )
    if state.position_ms:
        position = state.position_ms // 1000
        duration = length_for(content, position)
        save_progress(
            act.user_id, content, position_seconds=position, duration_seconds=duration, act=act
        )


def _shown(user_id: int, source_item_id: int) -> tuple[SourceItemState, int]:
    found = db.session.execute(
        select(SourceItemState, SourceItem.source_id)
        .join(SourceAccount, SourceAccount.id == SourceItemState.source_account_id)
        .join(SourceItem, SourceItem.id == SourceItemState.source_item_id)
        .where(SourceAccount.user_id == user_id, SourceItem.id == source_item_id)
    ).first()
    if found is None:
        raise NotFound("This server has not shown a state of yours for it.")
    return found[0], found[1]
