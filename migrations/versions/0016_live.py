"""Keep what a server saves while a title plays, and which version of it was played"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTCDateTime = sa.DateTime(timezone=True)

NEW: dict[str, dict[str, Any]] = {
    "tells_position": {"type_": sa.Boolean(), "nullable": False, "server_default": sa.false()},
    "moved_at": {"type_": UTCDateTime},
    "furthest_ms": {"type_": BigId, "nullable": False, "server_default": "0"},
    "saved_watched": {"type_": sa.Boolean()},
    "saved_position_ms": {"type_": BigId},
    "saved_play_count": {"type_": sa.Integer()},
    "saved_last_played_at": {"type_": UTCDateTime},
    "saved_at": {"type_": UTCDateTime},
    "ended_at": {"type_": UTCDateTime},
    "taken_at": {"type_": UTCDateTime},
}


def upgrade() -> None:
    with op.batch_alter_table("now_playing") as table:
        for name, how in NEW.items():
            table.add_column(sa.Column(name, **how))
    op.add_column(
        "source_item_states",
        sa.Column("version_id", sa.String(), nullable=False, server_default=""),
    )
    op.create_table(
        "source_item_versions",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("source_item_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_source_item_versions_source_id_sources"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_item_id"],
            ["source_items.id"],
            name=op.f("fk_source_item_versions_source_item_id_source_items"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "remote_id", name=op.f("pk_source_item_versions")),
    )
    op.create_index(
        "ix_source_item_versions_source_item_id", "source_item_versions", ["source_item_id"]
    )


def downgrade() -> None:
    op.drop_table("source_item_versions")
    op.drop_column("source_item_states", "version_id")
    with op.batch_alter_table("now_playing") as table:
        for name in NEW:
            table.drop_column(name)
