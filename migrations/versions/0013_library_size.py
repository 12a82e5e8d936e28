"""Keep how many titles an account was shown"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source_accounts", sa.Column("library_size", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("source_accounts", "library_size")
