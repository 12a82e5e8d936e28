"""Give a pull a lease, and keep where an unrecognised item lies"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("began_at", "lease_until"):
        op.add_column("pulls", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("pulls", sa.Column("claim_token", sa.String(), nullable=True))
    op.add_column("pulls", sa.Column("progress", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("pulls", sa.Column("followed_by", sa.String(), server_default="", nullable=False))
    for name in ("path", "folder"):
        op.add_column(
            "unmatched_items", sa.Column(name, sa.String(), server_default="", nullable=False)
        )
    for name in ("season_number", "episode_number"):
        op.add_column("unmatched_items", sa.Column(name, sa.Integer(), nullable=True))
    op.create_index("ix_unmatched_items_folder", "unmatched_items", ["source_id", "folder", "id"])


def downgrade() -> None:
    op.drop_index("ix_unmatched_items_folder", "unmatched_items")
    for name in ("episode_number", "season_number", "folder", "path"):
        op.drop_column("unmatched_items", name)
    for name in ("followed_by", "progress", "claim_token", "lease_until", "began_at"):
        op.drop_column("pulls", name)
