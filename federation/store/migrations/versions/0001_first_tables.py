"""The first tables: pending sign-ins, replay memory, users, sessions, records, leases,
what providers publish and end.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claimed_assertion",
        sa.Column("claim_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("claim_hash", name=op.f("pk_claimed_assertion")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_claimed_assertion_kept_until"), "claimed_assertion", ["kept_until"])
    op.create_table(
        "decision_record",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("ring", sa.SmallInteger(), nullable=True),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_decision_record")),
        sa.UniqueConstraint("ring", name=op.f("uq_decision_record_ring")),
    )
    op.create_index(
        op.f("ix_decision_record_person_organization_id_recorded_at"),
        "decision_record",
        ["person", "organization_id", "recorded_at"],
    )
    op.create_index(op.f("ix_decision_record_recorded_at"), "decision_record", ["recorded_at"])
    op.create_table(
        "lease",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_lease")),
    )
    op.create_table(
        "metadata_change",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metadata_change")),
    )
    op.create_index(op.f("ix_metadata_change_changed_at"), "metadata_change", ["changed_at"])
    op.create_index(
        op.f("ix_metadata_change_connection_changed_at"), "metadata_change", ["connection", "changed_at"]
    )
    op.create_table(
        "pending_sign_in",
        sa.Column("handle_hash", sa.LargeBinary(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("binder_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expects", sa.Text(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("replaces", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("handle_hash", name=op.f("pk_pending_sign_in")),
    )
    op.create_index(op.f("ix_pending_sign_in_expires_at"), "pending_sign_in", ["expires_at"])
    op.create_table(
        "person_key",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("ring_key", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "ring_key", name=op.f("pk_person_key")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_person_key_created_at"), "person_key", ["created_at"])
    op.create_table(
        "provider_logout",
        sa.Column("logout_hash", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("logout_hash", name=op.f("pk_provider_logout")),
    )
    op.create_index(op.f("ix_provider_logout_kept_until"), "provider_logout", ["kept_until"])
    op.create_table(
        "provider_metadata",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("held_source", sa.Text(), nullable=False),
        sa.Column("held_document", sa.Text(), nullable=False),
        sa.Column("held_digest", sa.Text(), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("held_changes", sa.Text(), nullable=False),
        sa.Column("rejected_digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_provider_metadata")),
    )
    op.create_table(
        "ring",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ring")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("stable_ids", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_account_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "person", name=op.f("pk_account")),
    )
    op.create_index(op.f("ix_account_organization_id_email"), "account", ["organization_id", "email"])
    op.create_index(op.f("ix_account_user_id"), "account", ["user_id"])
    op.create_table(
        "role_grant",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_role_grant_user_id")),
        sa.PrimaryKeyConstraint(
            "organization_id", "user_id", "connection", "role", "source", name=op.f("pk_role_grant")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("authenticated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("idle", sa.BigInteger(), nullable=False),
        sa.Column("idle_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_session_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
        sa.UniqueConstraint("id", name=op.f("uq_session_id")),
    )
    op.create_index(op.f("ix_session_idle_at"), "session", ["idle_at"])
    op.create_index(op.f("ix_session_organization_id_user_id"), "session", ["organization_id", "user_id"])
    op.create_table(
        "provider_session",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("index_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name=op.f("fk_provider_session_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_provider_session")),
    )
    op.create_index(op.f("ix_provider_session_name_hash"), "provider_session", ["name_hash"])


def downgrade() -> None:
    for table in (
        "provider_session",
        "session",
        "role_grant",
        "account",
        "user",
        "ring",
        "provider_metadata",
        "provider_logout",
        "person_key",
        "pending_sign_in",
        "metadata_change",
        "lease",
        "decision_record",
        "claimed_assertion",
    ):
        op.drop_table(table)
