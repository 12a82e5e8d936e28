"""Keep how far each source's clock is from ours"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: 64 bits on PostgreSQL; SQLite's integer keys are that anyway.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("sources", sa.Column("clock_skew_ms", BigId, nullable=True))


def downgrade() -> None:
    op.drop_column("sources", "clock_skew_ms")
