"""Keep what a server was owed before a change that can be undone, and a word on what is unwatched
all at once
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("playback_sync_queue", sa.Column("before_change", sa.JSON(), nullable=True))
    keeps_ours = sa.Column("keeps_ours", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("pulls", keeps_ours)


def downgrade() -> None:
    op.drop_column("pulls", "keeps_ours")
    op.drop_column("playback_sync_queue", "before_change")
