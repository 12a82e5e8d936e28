"""Keep what is known of an account's sign-in: when it was last taken, and whether a refusal is
still in doubt
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_COLUMNS = ("doubted_at", "ask_at", "accepted_at")


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("source_accounts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("source_accounts", name)
