"""Provisioning: what SCIM clients keep here, and what they prove themselves by.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OCTETS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def folded(name: str) -> sa.Column[str]:
    return sa.Column(name, _OCTETS, nullable=False)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def upgrade() -> None:
    users()
    groups()
    op.create_table(
        "scim_credential",
        text("id"),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        text("connection"),
        text("organization_id"),
        text("kind"),
        text("name"),
        text("client"),
        number("created_at"),
        text("created_by"),
        number("expires_at"),
        number("last_used_at", nullable=True),
        number("revoked_at", nullable=True),
        key("scim_credential", "id"),
        unique("scim_credential", "secret_hash"),
    )
    index("scim_credential", "connection", "id")
    index("scim_credential", "client")
    index("scim_credential", "expires_at")


def users() -> None:
    op.create_table(
        "scim_user",
        text("connection"),
        text("id"),
        text("organization_id"),
        text("user_id"),
        text("user_name"),
        folded("user_name_key"),
        folded("external_id"),
        text("display_name"),
        folded("display_key"),
        text("email"),
        text("email_key"),
        sa.Column("active", sa.SmallInteger(), nullable=False),
        text("body"),
        number("version"),
        text("refused"),
        number("created_at"),
        number("changed_at"),
        number("due_at", nullable=True),
        number("due_number"),
        sa.Column("has_subject", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_scim_user_user_id_user")),
        key("scim_user", "connection", "id"),
        unique("scim_user", "connection", "user_name_key"),
        unique("scim_user", "user_id", "connection"),
    )
    for columns in (
        ("connection", "external_id", "id"), ("connection", "display_key", "id"), ("connection", "email_key"),
        ("connection", "changed_at", "id"),
    ):  # fmt: skip
        index("scim_user", *columns)
    op.create_index(
        "ix_scim_user_due",
        "scim_user",
        ["connection", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_scim_user_refused",
        "scim_user",
        ["connection", "id"],
        sqlite_where=sa.text("refused <> ''"),
        postgresql_where=sa.text("refused <> ''"),
    )
    op.create_table(
        "scim_email",
        text("connection"),
        folded("email_key"),
        text("resource_id"),
        key("scim_email", "connection", "email_key", "resource_id"),
    )
    index("scim_email", "connection", "resource_id")


def groups() -> None:
    op.create_table(
        "scim_spread",
        text("connection"),
        text("group_id"),
        text("behind"),
        number("since"),
        key("scim_spread", "connection", "group_id"),
    )
    op.create_table(
        "scim_group",
        text("connection"),
        text("id"),
        text("organization_id"),
        text("display_name"),
        folded("display_key"),
        folded("external_id"),
        text("body"),
        number("size"),
        number("version"),
        number("created_at"),
        number("changed_at"),
        key("scim_group", "connection", "id"),
    )
    for columns in (
        ("connection", "display_key", "id"), ("connection", "external_id", "id"),
        ("connection", "changed_at", "id"),
    ):  # fmt: skip
        index("scim_group", *columns)
    op.create_table(
        "scim_member",
        text("connection"),
        text("group_id"),
        text("member_id"),
        text("kind"),
        key("scim_member", "connection", "group_id", "member_id"),
    )
    index("scim_member", "connection", "member_id", "group_id")


def downgrade() -> None:
    for table in ("scim_spread", "scim_credential", "scim_member", "scim_group", "scim_email", "scim_user"):
        op.drop_table(table)
