"""Let people link accounts by a code, choose libraries, trust certificates, and match titles by
hand
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SOURCES = ("server_id", "library_ids", "tls")
_ACCOUNTS = ("device_id", "remote_user_name")


def upgrade() -> None:
    for name in _SOURCES:
        op.add_column("sources", sa.Column(name, sa.String(), server_default="", nullable=False))
    for name in _ACCOUNTS:
        op.add_column(
            "source_accounts", sa.Column(name, sa.String(), server_default="", nullable=False)
        )
    op.add_column(
        "source_accounts", sa.Column("renewing_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "source_items",
        sa.Column("matched_by_hand", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    _create_links()


def _create_links() -> None:
    op.create_table(
        "account_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("interval_seconds", sa.Double(), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_account_links_source_id_sources"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_account_links_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_links")),
        sa.UniqueConstraint(
            "source_id", "user_id", name=op.f("uq_account_links_source_id_user_id")
        ),
    )
    op.create_index(op.f("ix_account_links_user_id"), "account_links", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("account_links")
    op.drop_column("source_items", "matched_by_hand")
    for name in ("renewing_until", *_ACCOUNTS):
        op.drop_column("source_accounts", name)
    for name in _SOURCES:
        op.drop_column("sources", name)
