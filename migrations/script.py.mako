"""${message}

A migration is read by people and runs on people's only copy of their history:
- it imports nothing of mydia_web, for that code changes while this must not;
- it goes up and down, on SQLite and on PostgreSQL, from empty and from full;
- the release before it must still run on its result (add first, remove a release later).
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
