"""Keep which further episodes a file holds"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "source_item_episodes",
        sa.Column("source_item_id", BigId, nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_item_id"],
            ["source_items.id"],
            name=op.f("fk_source_item_episodes_source_item_id_source_items"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["episodes.id"],
            name=op.f("fk_source_item_episodes_episode_id_episodes"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "source_item_id", "episode_id", name=op.f("pk_source_item_episodes")
        ),
    )
    op.create_index("ix_source_item_episodes_episode_id", "source_item_episodes", ["episode_id"])


def downgrade() -> None:
    op.drop_table("source_item_episodes")
