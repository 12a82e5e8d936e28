"""Keep each queued change's last attempts, and when a title was finished apart from when its row
last changed
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "playback_sync_queue", sa.Column("watched_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute("UPDATE playback_sync_queue SET watched_at = intent_at WHERE completed")
    op.create_table(
        "sync_attempts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("queued_change_id", BigId, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queued_change_id"],
            ["playback_sync_queue.id"],
            name=op.f("fk_sync_attempts_queued_change_id_playback_sync_queue"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_attempts")),
    )
    op.create_index(
        "ix_sync_attempts_queued_change_id",
        "sync_attempts",
        ["queued_change_id", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("sync_attempts")
    op.drop_column("playback_sync_queue", "watched_at")
