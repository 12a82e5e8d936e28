"""Keep progress, plays, change sets and the place in each show"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "change_sets",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name="fk_change_sets_source_id_sources",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_change_sets_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_change_sets"),
    )
    op.create_index("ix_change_sets_source_id", "change_sets", ["source_id"])
    op.create_index("ix_change_sets_user_id", "change_sets", ["user_id"])

    op.create_table(
        "changes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("change_set_id", BigId, nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=True),
        sa.Column("episode_id", sa.Integer(), nullable=True),
        sa.Column("change_type", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "(media_item_id IS NULL) <> (episode_id IS NULL)", name=op.f("ck_changes_one_content")
        ),
        sa.ForeignKeyConstraint(
            ["change_set_id"],
            ["change_sets.id"],
            name="fk_changes_change_set_id_change_sets",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["episodes.id"],
            name="fk_changes_episode_id_episodes",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_changes_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_change_set_id", "changes", ["change_set_id"])
    op.create_index("ix_changes_episode_id", "changes", ["episode_id"])
    op.create_index("ix_changes_media_item_id", "changes", ["media_item_id"])

    op.create_table(
        "playback_progress",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=True),
        sa.Column("episode_id", sa.Integer(), nullable=True),
        sa.Column("position_seconds", sa.Integer(), nullable=False),
        sa.Column("duration_seconds", sa.Integer(), nullable=False),
        sa.Column("completion_percentage", sa.Double(), nullable=False),
        sa.Column("watched", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_watched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_progress", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inserted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(media_item_id IS NULL) <> (episode_id IS NULL)",
            name=op.f("ck_playback_progress_one_content"),
        ),
        sa.CheckConstraint(
            "completion_percentage >= 0 AND completion_percentage <= 100",
            name=op.f("ck_playback_progress_percentage"),
        ),
        sa.CheckConstraint("duration_seconds > 0", name=op.f("ck_playback_progress_duration")),
        sa.CheckConstraint("position_seconds >= 0", name=op.f("ck_playback_progress_position")),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["episodes.id"],
            name="fk_playback_progress_episode_id_episodes",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_playback_progress_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_playback_progress_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_playback_progress"),
        sa.UniqueConstraint(
            "user_id", "episode_id", name="uq_playback_progress_user_id_episode_id"
        ),
        sa.UniqueConstraint(
            "user_id", "media_item_id", name="uq_playback_progress_user_id_media_item_id"
        ),
    )
    op.create_index("ix_playback_progress_episode_id", "playback_progress", ["episode_id"])
    op.create_index(
        "ix_playback_progress_last_watched_at", "playback_progress", ["last_watched_at"]
    )
    op.create_index("ix_playback_progress_media_item_id", "playback_progress", ["media_item_id"])
    op.create_index(
        "ix_playback_progress_user_id", "playback_progress", ["user_id", "last_watched_at"]
    )
    op.create_index(
        "ix_playback_progress_continue",
        "playback_progress",
        ["user_id", "last_watched_at", "id"],
        sqlite_where=sa.text(
            "in_progress = 1 AND dismissed_at IS NULL AND media_item_id IS NOT NULL"
        ),
        postgresql_where=sa.text(
            "in_progress AND dismissed_at IS NULL AND media_item_id IS NOT NULL"
        ),
    )

    op.create_table(
        "plays",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=True),
        sa.Column("episode_id", sa.Integer(), nullable=True),
        sa.Column("watched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("change_set_id", BigId, nullable=True),
        sa.Column("inserted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(media_item_id IS NULL) <> (episode_id IS NULL)", name=op.f("ck_plays_one_content")
        ),
        sa.ForeignKeyConstraint(
            ["change_set_id"],
            ["change_sets.id"],
            name="fk_plays_change_set_id_change_sets",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episodes.id"], name="fk_plays_episode_id_episodes", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_plays_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_plays_source_id_sources", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plays_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_plays"),
    )
    op.create_index("ix_plays_change_set_id", "plays", ["change_set_id"])
    op.create_index("ix_plays_episode_id", "plays", ["episode_id", "user_id", "watched_at", "id"])
    op.create_index(
        "ix_plays_media_item_id", "plays", ["media_item_id", "user_id", "watched_at", "id"]
    )
    op.create_index("ix_plays_source_id", "plays", ["source_id"])
    op.create_index(
        "ix_plays_undated",
        "plays",
        ["user_id", "id"],
        sqlite_where=sa.text("watched_at IS NULL"),
        postgresql_where=sa.text("watched_at IS NULL"),
    )
    op.create_index("ix_plays_user_id", "plays", ["user_id", "watched_at", "id"])

    op.create_table(
        "show_progress",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_episode_id", sa.Integer(), nullable=True),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('continue', 'next', 'start', 'all_watched')",
            name=op.f("ck_show_progress_state"),
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_show_progress_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["next_episode_id"],
            ["episodes.id"],
            name="fk_show_progress_next_episode_id_episodes",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_show_progress_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_show_progress"),
        sa.UniqueConstraint(
            "user_id", "media_item_id", name="uq_show_progress_user_id_media_item_id"
        ),
    )
    op.create_index(
        "ix_show_progress_continue",
        "show_progress",
        ["user_id", "last_activity_at", "id"],
        sqlite_where=sa.text(
            "next_episode_id IS NOT NULL AND dropped_at IS NULL AND dismissed_at IS NULL"
        ),
        postgresql_where=sa.text(
            "next_episode_id IS NOT NULL AND dropped_at IS NULL AND dismissed_at IS NULL"
        ),
    )
    op.create_index("ix_show_progress_media_item_id", "show_progress", ["media_item_id"])
    op.create_index("ix_show_progress_next_episode_id", "show_progress", ["next_episode_id"])


def downgrade() -> None:
    op.drop_table("show_progress")
    op.drop_table("plays")
    op.drop_table("playback_progress")
    op.drop_table("changes")
    op.drop_table("change_sets")
