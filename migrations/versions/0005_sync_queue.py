"""Keep the queue of changes that servers must still be told"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "playback_sync_queue",
        sa.Column("id", BigId, nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("play_key", sa.String(), server_default="", nullable=False),
        sa.Column("change_type", sa.String(), nullable=False),
        sa.Column("position_ms", BigId, nullable=True),
        sa.Column("duration_ms", BigId, nullable=True),
        sa.Column("completed", sa.Boolean(), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("intent_seq", BigId, server_default="1", nullable=False),
        sa.Column("claimed_seq", BigId, nullable=True),
        sa.Column("synced_seq", BigId, server_default="0", nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("change_set_id", BigId, nullable=True),
        sa.Column("status", sa.String(), server_default="pending", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(status = 'syncing') = (claim_token IS NOT NULL)",
            name=op.f("ck_playback_sync_queue_claim"),
        ),
        sa.CheckConstraint(
            "(status = 'syncing') = (lease_until IS NOT NULL)",
            name=op.f("ck_playback_sync_queue_lease"),
        ),
        sa.CheckConstraint(
            "change_type IN ('progress_update', 'mark_watched', 'mark_unwatched')",
            name=op.f("ck_playback_sync_queue_change_type"),
        ),
        sa.CheckConstraint(
            "status <> 'pending' OR next_attempt_at IS NOT NULL",
            name=op.f("ck_playback_sync_queue_pending_is_due"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'syncing', 'synced', 'failed')",
            name=op.f("ck_playback_sync_queue_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('syncing', 'synced') OR next_attempt_at IS NULL",
            name=op.f("ck_playback_sync_queue_settled_is_not_due"),
        ),
        sa.CheckConstraint("position_ms >= 0", name=op.f("ck_playback_sync_queue_position")),
        sa.ForeignKeyConstraint(
            ["change_set_id"],
            ["change_sets.id"],
            name="fk_playback_sync_queue_change_set_id_change_sets",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["episodes.id"],
            name="fk_playback_sync_queue_episode_id_episodes",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_playback_sync_queue_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name="fk_playback_sync_queue_source_id_sources",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name="fk_playback_sync_queue_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_playback_sync_queue"),
    )
    op.create_index(
        "ix_playback_sync_queue_change_set_id", "playback_sync_queue", ["change_set_id"]
    )
    op.create_index(
        "ix_playback_sync_queue_due",
        "playback_sync_queue",
        ["source_id", "next_attempt_at", "id"],
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_playback_sync_queue_retry",
        "playback_sync_queue",
        ["next_attempt_at", "id"],
        sqlite_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_playback_sync_queue_waiting",
        "playback_sync_queue",
        ["updated_at", "id"],
        sqlite_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_playback_sync_queue_lease",
        "playback_sync_queue",
        ["lease_until"],
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_playback_sync_queue_media_item_id", "playback_sync_queue", ["media_item_id"]
    )
    op.create_index(
        "ix_playback_sync_queue_source_id",
        "playback_sync_queue",
        ["source_id", "status", "user_id"],
    )
    op.create_index(
        "ix_playback_sync_queue_status", "playback_sync_queue", ["status", "updated_at", "id"]
    )
    op.create_index(
        "ix_playback_sync_queue_user_id",
        "playback_sync_queue",
        ["user_id", "status", "updated_at", "id"],
    )
    op.create_index(
        "ix_playback_sync_queue_own_waiting",
        "playback_sync_queue",
        ["user_id", "updated_at", "id"],
        sqlite_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("status <> 'pending' AND next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_playback_sync_queue_own_needs_you",
        "playback_sync_queue",
        ["user_id", "updated_at", "id"],
        sqlite_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
        postgresql_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
    )
    op.create_index(
        "ix_playback_sync_queue_needs_you_source",
        "playback_sync_queue",
        ["source_id", "next_attempt_at", "user_id"],
        sqlite_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
        postgresql_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
    )
    op.create_index(
        "ix_playback_sync_queue_needs_you",
        "playback_sync_queue",
        ["updated_at", "id"],
        sqlite_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
        postgresql_where=sa.text(
            "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"
        ),
    )
    op.create_index(
        "uq_playback_sync_queue_episode",
        "playback_sync_queue",
        ["episode_id", "user_id", "source_id", "play_key"],
        unique=True,
        sqlite_where=sa.text("episode_id IS NOT NULL"),
        postgresql_where=sa.text("episode_id IS NOT NULL"),
    )
    op.create_index(
        "uq_playback_sync_queue_movie",
        "playback_sync_queue",
        ["user_id", "media_item_id", "source_id", "play_key"],
        unique=True,
        sqlite_where=sa.text("episode_id IS NULL"),
        postgresql_where=sa.text("episode_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("playback_sync_queue")
