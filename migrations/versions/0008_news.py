"""Take the news that servers send, say what is exchanged with each, and keep what plays now"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_EXCHANGED = ("takes_watched", "takes_positions", "tells_watched", "tells_positions")


def upgrade() -> None:
    for name in _EXCHANGED:
        op.add_column(
            "sources", sa.Column(name, sa.Boolean(), server_default=sa.true(), nullable=False)
        )
    op.add_column(
        "sources",
        sa.Column("strategy", sa.String(), server_default="local-progressive", nullable=False),
    )
    op.add_column(
        "sources", sa.Column("webhook_key", sa.String(), server_default="", nullable=False)
    )
    for table, name in (
        ("sources", "last_event_at"),
        ("source_accounts", "pulled_at"),
        ("source_accounts", "swept_at"),
        ("source_item_states", "told_at"),
    ):
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name in ("is_preview", "is_sweep", "takes_removals"):
        op.add_column(
            "pulls", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.add_column("pulls", sa.Column("held_back", sa.Integer(), server_default="0", nullable=False))
    op.add_column("pulls", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    _create_pull_changes()
    _create_events()
    _create_now_playing()


def _create_pull_changes() -> None:
    op.create_table(
        "pull_change_sets",
        sa.Column("id", BigId, nullable=False),
        sa.Column("pull_id", sa.Integer(), nullable=False),
        sa.Column("change_set_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"],
            ["pulls.id"],
            name=op.f("fk_pull_change_sets_pull_id_pulls"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["change_set_id"],
            ["change_sets.id"],
            name=op.f("fk_pull_change_sets_change_set_id_change_sets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_change_sets")),
        sa.UniqueConstraint(
            "pull_id", "change_set_id", name=op.f("uq_pull_change_sets_pull_id_change_set_id")
        ),
    )
    op.create_index("ix_pull_change_sets_change_set_id", "pull_change_sets", ["change_set_id"])


def _create_events() -> None:
    op.create_table(
        "source_events",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.CheckConstraint(
            "status IN ('received', 'applied', 'ignored', 'failed')",
            name=op.f("ck_source_events_status"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_source_events_source_id_sources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_events")),
    )
    op.create_index("ix_source_events_source_id", "source_events", ["source_id", "id"])
    op.create_index(
        "ix_source_events_received",
        "source_events",
        ["id"],
        sqlite_where=sa.text("status = 'received'"),
        postgresql_where=sa.text("status = 'received'"),
    )


def _create_now_playing() -> None:
    op.create_table(
        "now_playing",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_account_id", sa.Integer(), nullable=False),
        sa.Column("source_item_id", BigId, nullable=False),
        sa.Column("position_ms", BigId, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_account_id"],
            ["source_accounts.id"],
            name=op.f("fk_now_playing_source_account_id_source_accounts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_item_id"],
            ["source_items.id"],
            name=op.f("fk_now_playing_source_item_id_source_items"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_now_playing")),
        sa.UniqueConstraint(
            "source_account_id",
            "source_item_id",
            name=op.f("uq_now_playing_source_account_id_source_item_id"),
        ),
    )
    op.create_index("ix_now_playing_source_item_id", "now_playing", ["source_item_id"])


def downgrade() -> None:
    op.drop_table("now_playing")
    op.drop_table("source_events")
    op.drop_table("pull_change_sets")
    for name in ("tries", "held_back", "takes_removals", "is_sweep", "is_preview"):
        op.drop_column("pulls", name)
    op.drop_column("source_item_states", "told_at")
    for name in ("swept_at", "pulled_at"):
        op.drop_column("source_accounts", name)
    for name in ("last_event_at", "webhook_key", "strategy", *_EXCHANGED):
        op.drop_column("sources", name)
