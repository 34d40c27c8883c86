"""Policy: memberships, teams, invitations, users made beforehand; grants by their source.

Whoever has an account is a member through its connection, and what a connection granted names
it as its source.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def user_of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f(f"fk_{table}_user_id"))


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def team_of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "team_key"],
        ["team.organization_id", "team.key"],
        name=op.f(f"fk_{table}_organization_id_team_key"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    people()
    teams()
    entry()
    local()
    records()
    op.execute("ALTER TABLE role_grant RENAME COLUMN source TO why")
    op.execute("ALTER TABLE role_grant RENAME COLUMN connection TO source")
    op.execute("UPDATE role_grant SET source = 'connection:' || source")
    op.add_column("account", sa.Column("email_key", sa.Text(), nullable=True))
    op.execute("UPDATE account SET email_key = lower(email)")
    op.add_column("account", sa.Column("email_proven", sa.SmallInteger(), nullable=True))
    op.add_column("account", sa.Column("joined", sa.SmallInteger(), nullable=True))
    op.add_column("session", sa.Column("person", sa.Text(), nullable=True))
    op.drop_index(op.f("ix_account_organization_id_email"), "account")
    op.create_index(op.f("ix_account_organization_id_email_key"), "account", ["organization_id", "email_key"])
    op.execute(
        "INSERT INTO membership (organization_id, user_id, source, created_at) "
        "SELECT organization_id, user_id, 'connection:' || connection, min(created_at) FROM account "
        "GROUP BY organization_id, user_id, connection"
    )


def people() -> None:
    op.create_table(
        "membership",
        text("organization_id"),
        text("user_id"),
        text("source"),
        number("created_at"),
        user_of("membership"),
        key("membership", "organization_id", "user_id", "source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deactivation",
        text("user_id"),
        text("organization_id"),
        text("source"),
        number("deactivated_at"),
        user_of("deactivation"),
        key("deactivation", "user_id", "organization_id", "source"),
    )
    op.create_table(
        "invitation",
        text("id"),
        text("organization_id"),
        text("email"),
        text("email_key"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        text("roles"),
        text("teams"),
        number("created_at"),
        number("expires_at"),
        number("used_at", nullable=True),
        text("user_id", nullable=True),
        key("invitation", "id"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index(op.f("ix_invitation_expires_at"), "invitation", ["expires_at"])
    op.create_index(
        op.f("ix_invitation_organization_id_email_key"), "invitation", ["organization_id", "email_key"]
    )
    op.create_table(
        "provisioned_user",
        text("organization_id"),
        text("user_id"),
        text("source"),
        text("connection"),
        text("email"),
        text("email_key"),
        number("created_at"),
        user_of("provisioned_user"),
        key("provisioned_user", "organization_id", "user_id", "source"),
    )
    op.create_index(
        op.f("ix_provisioned_user_organization_id_email_key"),
        "provisioned_user",
        ["organization_id", "email_key"],
    )
    op.create_table(
        "join_request",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        text("organization_id"),
        text("person"),
        text("connection"),
        text("email_key"),
        text("subject_key"),
        text("stable_id"),
        text("email"),
        number("created_at"),
        number("expires_at"),
        number("used_at", nullable=True),
        key("join_request", "token_hash"),
    )
    op.create_index(op.f("ix_join_request_expires_at"), "join_request", ["expires_at"])
    op.create_index(
        op.f("ix_join_request_organization_id_person"), "join_request", ["organization_id", "person"]
    )
    op.create_table(
        "reread",
        text("organization_id"),
        text("person"),
        text("connection"),
        number("due_at"),
        key("reread", "organization_id", "person", "connection"),
    )
    op.create_index(op.f("ix_reread_connection_due_at"), "reread", ["connection", "due_at"])
    op.create_table(
        "connection_state", text("connection"), number("disabled_at"), key("connection_state", "connection")
    )


def entry() -> None:
    op.create_table(
        "domain_proof",
        text("organization_id"),
        text("domain"),
        text("token"),
        number("created_at"),
        number("checked_at"),
        number("seen_at"),
        key("domain_proof", "organization_id", "domain"),
    )
    op.create_table(
        "enforcement",
        text("organization_id"),
        text("domain"),
        text("connections"),
        number("enforced_at"),
        text("enforced_by"),
        key("enforcement", "organization_id", "domain"),
    )


def teams() -> None:
    op.create_table(
        "team",
        text("organization_id"),
        text("key"),
        text("name"),
        text("source"),
        number("created_at"),
        key("team", "organization_id", "key"),
    )
    op.create_table(
        "team_group",
        text("organization_id"),
        text("group_key"),
        text("team_key"),
        text("connection"),
        team_of("team_group"),
        key("team_group", "organization_id", "group_key", "team_key", "connection"),
    )
    op.create_index(
        op.f("ix_team_group_organization_id_team_key"), "team_group", ["organization_id", "team_key"]
    )
    op.create_table(
        "team_role",
        text("organization_id"),
        text("team_key"),
        text("role"),
        team_of("team_role"),
        key("team_role", "organization_id", "team_key", "role"),
    )
    op.create_table(
        "team_membership",
        text("organization_id"),
        text("user_id"),
        text("team_key"),
        text("source"),
        text("why"),
        number("joined_at"),
        user_of("team_membership"),
        key("team_membership", "organization_id", "user_id", "team_key", "source"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_team_membership_organization_id_team_key"),
        "team_membership",
        ["organization_id", "team_key"],
    )


def records() -> None:
    op.create_table(
        "policy_in_force",
        text("connection"),
        text("digest"),
        text("policy"),
        number("since"),
        key("policy_in_force", "connection"),
    )
    op.create_index(
        op.f("ix_decision_record_organization_id_recorded_at"),
        "decision_record",
        ["organization_id", "recorded_at"],
    )


def local() -> None:
    op.create_table(
        "local_account",
        text("id"),
        text("organization_id"),
        text("connection"),
        text("email"),
        text("email_key"),
        text("display_name"),
        text("password_hash"),
        number("password_at", nullable=True),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        number("link_until", nullable=True),
        number("created_at"),
        key("local_account", "id"),
        sa.UniqueConstraint("connection", "email_key", name=op.f("uq_local_account_connection_email_key")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_local_account_link_hash")),
    )
    op.create_table(
        "local_attempts",
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        text("tries"),
        number("locked_until"),
        number("kept_until"),
        key("local_attempts", "address_hash"),
    )
    op.create_index(op.f("ix_local_attempts_kept_until"), "local_attempts", ["kept_until"])
    op.create_table(
        "bootstrap_link",
        text("organization_id"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        number("created_at"),
        number("expires_at"),
        number("used_at", nullable=True),
        key("bootstrap_link", "organization_id"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_bootstrap_link_token_hash")),
    )
    op.create_table(
        "break_glass",
        text("organization_id"),
        text("user_id"),
        text("code_hash"),
        number("sealed_at"),
        number("used_at", nullable=True),
        number("last_used_at", nullable=True),
        user_of("break_glass"),
        key("break_glass", "organization_id"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_decision_record_organization_id_recorded_at"), "decision_record")
    op.drop_table("policy_in_force")
    op.drop_index(op.f("ix_account_organization_id_email_key"), "account")
    op.create_index(op.f("ix_account_organization_id_email"), "account", ["organization_id", "email"])
    op.drop_column("session", "person")
    op.drop_column("account", "email_key")
    op.drop_column("account", "email_proven")
    op.drop_column("account", "joined")
    op.execute("DELETE FROM role_grant WHERE source NOT LIKE 'connection:%'")
    op.execute("UPDATE role_grant SET source = substr(source, 12)")
    op.execute("ALTER TABLE role_grant RENAME COLUMN source TO connection")
    op.execute("ALTER TABLE role_grant RENAME COLUMN why TO source")
    for table in (
        "break_glass", "bootstrap_link", "local_attempts", "local_account",
        "enforcement", "domain_proof", "team_membership", "team_role", "team_group", "team", "reread",
        "connection_state", "join_request",
        "provisioned_user", "invitation", "deactivation", "membership",
    ):  # fmt: skip
        op.drop_table(table)
