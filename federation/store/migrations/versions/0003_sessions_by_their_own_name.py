"""Sessions that a provider may name by themselves, without the person: by a sid alone.

Those of before are found by the person as they were, and end within a day.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("provider_session", sa.Column("alone_hash", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_provider_session_alone_hash"), "provider_session", ["alone_hash"])


def downgrade() -> None:
    op.drop_index(op.f("ix_provider_session_alone_hash"), "provider_session")
    op.drop_column("provider_session", "alone_hash")
