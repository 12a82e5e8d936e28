"""Keep what was told to a server and is not confirmed yet"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    listed = sa.Column("is_listed", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("source_item_states", listed)
    instant = sa.DateTime(timezone=True)
    op.add_column("playback_sync_queue", sa.Column("claimed_intent_at", instant, nullable=True))
    op.add_column(
        "playback_sync_queue",
        sa.Column("unconfirmed", sa.String(), server_default="", nullable=False),
    )
    op.execute(
        "UPDATE playback_sync_queue SET claimed_intent_at = intent_at WHERE status = 'syncing'"
    )
    op.execute(
        "UPDATE playback_sync_queue SET unconfirmed = CAST(intent_at AS TEXT) || ',' "
        "WHERE status <> 'synced' AND attempt_count > 0"
    )


def downgrade() -> None:
    op.drop_column("source_item_states", "is_listed")
    op.drop_column("playback_sync_queue", "unconfirmed")
    op.drop_column("playback_sync_queue", "claimed_intent_at")
