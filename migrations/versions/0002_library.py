"""Keep films, shows, episodes and their external ids"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("sort_title", sa.String(), nullable=False),
        sa.Column("original_title", sa.String(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("runtime_seconds", sa.Integer(), nullable=True),
        sa.Column("artwork_key", sa.String(), nullable=True),
        sa.Column("inserted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("type IN ('movie', 'show')", name=op.f("ck_media_items_type")),
        sa.CheckConstraint("runtime_seconds > 0", name=op.f("ck_media_items_runtime")),
        sa.PrimaryKeyConstraint("id", name="pk_media_items"),
    )
    op.create_index("ix_media_items_type_sort_title", "media_items", ["type", "sort_title", "id"])

    op.create_table(
        "episodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=False),
        sa.Column("season_number", sa.Integer(), nullable=False),
        sa.Column("episode_number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("air_date", sa.Date(), nullable=True),
        sa.Column("runtime_seconds", sa.Integer(), nullable=True),
        sa.Column("artwork_key", sa.String(), nullable=True),
        sa.Column("inserted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("episode_number >= 0", name=op.f("ck_episodes_episode")),
        sa.CheckConstraint("runtime_seconds > 0", name=op.f("ck_episodes_runtime")),
        sa.CheckConstraint("season_number >= 0", name=op.f("ck_episodes_season")),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_episodes_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_episodes"),
        sa.UniqueConstraint(
            "media_item_id",
            "season_number",
            "episode_number",
            name="uq_episodes_media_item_id_season_number_episode_number",
        ),
    )

    op.create_table(
        "external_ids",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("media_item_id", sa.Integer(), nullable=True),
        sa.Column("episode_id", sa.Integer(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'episode') = (episode_id IS NOT NULL)", name=op.f("ck_external_ids_kind")
        ),
        sa.CheckConstraint(
            "(media_item_id IS NULL) <> (episode_id IS NULL)",
            name=op.f("ck_external_ids_one_content"),
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["episodes.id"],
            name="fk_external_ids_episode_id_episodes",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_item_id"],
            ["media_items.id"],
            name="fk_external_ids_media_item_id_media_items",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_external_ids"),
        sa.UniqueConstraint(
            "provider", "kind", "value", name="uq_external_ids_provider_kind_value"
        ),
    )
    op.create_index("ix_external_ids_episode_id", "external_ids", ["episode_id"])
    op.create_index("ix_external_ids_media_item_id", "external_ids", ["media_item_id"])


def downgrade() -> None:
    op.drop_table("external_ids")
    op.drop_table("episodes")
    op.drop_table("media_items")
