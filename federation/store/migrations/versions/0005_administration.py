"""Administration: what is edited here, setup links, trials, tokens of the API, the audit log.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def octets(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def hashed(table: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint("token_hash", name=op.f(f"uq_{table}_token_hash"))


def index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def no_index(table: str, *columns: str) -> None:
    op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)


# Of each: what it was, and what it is now, so that lists are read by it. A sign-in writes as many as before.
LONGER: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("account", ("organization_id", "email_key"), ("organization_id", "email_key", "person")),
    ("account", ("user_id",), ("user_id", "organization_id")),
    (
        "team_group",
        ("organization_id", "team_key"),
        ("organization_id", "team_key", "group_key", "connection"),
    ),
    ("team_membership", ("organization_id", "team_key"), ("organization_id", "team_key", "user_id")),
    ("decision_record", ("organization_id", "recorded_at"), ("organization_id", "recorded_at", "code")),
    ("decision_record", ("recorded_at",), ("recorded_at", "code")),
)
# Written where something changes for somebody, no more.
NEW: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("account", ("organization_id", "name_key", "person")),
    ("membership", ("organization_id", "source", "user_id")),
    ("role_grant", ("organization_id", "role", "user_id")),
    ("deactivation", ("organization_id", "user_id")),
    ("provisioned_user", ("user_id", "organization_id")),
    ("invitation", ("organization_id", "id")),
    ("provider_metadata", ("connection", "checked_at", "held_at")),
    ("domain_proof", ("domain",)),
)


def upgrade() -> None:
    declared()
    links()
    log()
    lists()
    op.add_column("join_request", text("user_id", nullable=True))


def lists() -> None:
    """Have lists of people, teams and records read by an index, and people found by their name."""
    octets_in_order = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("account", sa.Column("name_key", octets_in_order, nullable=True))
    op.execute(
        "UPDATE account SET name_key = lower(CASE WHEN display_name <> '' THEN display_name "
        "ELSE trim(given_name || ' ' || family_name) END)"
    )
    for table, was, columns in LONGER:
        no_index(table, *was)
        index(table, *columns)
    for table, columns in NEW:
        index(table, *columns)
    if op.get_context().dialect.name == "postgresql":
        op.execute('ALTER TABLE account ALTER COLUMN email_key TYPE text COLLATE "C"')


def declared() -> None:
    op.create_table("configuration", text("name"), number("number"), key("configuration", "name"))
    op.execute("INSERT INTO configuration (name, number) VALUES ('declared', 0)")
    op.create_table(
        "kept_organization",
        text("id"),
        text("body"),
        number("number"),
        number("created_at"),
        number("updated_at"),
        number("deleted_at", nullable=True),
        key("kept_organization", "id"),
    )
    op.create_table(
        "kept_connection",
        text("id"),
        text("organization_id"),
        text("protocol"),
        text("body"),
        text("sealed"),
        sa.Column("enabled", sa.SmallInteger(), nullable=False),
        number("number"),
        number("created_at"),
        number("updated_at"),
        number("tested_at", nullable=True),
        number("deleted_at", nullable=True),
        key("kept_connection", "id"),
    )
    index("kept_connection", "organization_id", "id")
    index("kept_connection", "number")
    index("kept_organization", "number")
    op.create_table(
        "departing", text("source"), text("organization_id"), number("since"), key("departing", "source")
    )
    op.create_table(
        "trial",
        text("id"),
        text("organization_id"),
        text("connection"),
        number("number"),
        text("started_by"),
        number("started_at"),
        number("expires_at"),
        number("ended_at", nullable=True),
        text("code"),
        text("sealed"),
        key("trial", "id"),
    )
    index("trial", "connection", "started_at")
    index("trial", "expires_at")
    messages()


def messages() -> None:
    op.create_table(
        "kept_message",
        text("reference"),
        number("recorded_at"),
        text("organization_id"),
        text("person"),
        text("sealed"),
        sa.Column("ring", sa.SmallInteger(), nullable=True),
        key("kept_message", "reference"),
        sa.UniqueConstraint("ring", name=op.f("uq_kept_message_ring")),
    )
    index("kept_message", "person", "organization_id", "recorded_at")
    index("kept_message", "recorded_at")


def links() -> None:
    op.create_table(
        "setup_link",
        text("id"),
        octets("token_hash"),
        text("organization_id"),
        text("connection"),
        sa.Column("may_enable", sa.SmallInteger(), nullable=False),
        number("created_at"),
        text("created_by"),
        number("expires_at"),
        number("uses"),
        number("last_used_at", nullable=True),
        number("revoked_at", nullable=True),
        key("setup_link", "id"),
        hashed("setup_link"),
    )
    index("setup_link", "connection", "id")
    index("setup_link", "expires_at")
    op.create_table(
        "api_token",
        text("id"),
        octets("token_hash"),
        text("organization_id"),
        text("name"),
        text("scopes"),
        number("created_at"),
        text("created_by"),
        number("expires_at"),
        number("last_used_at", nullable=True),
        number("revoked_at", nullable=True),
        key("api_token", "id"),
        hashed("api_token"),
    )
    index("api_token", "organization_id", "id")
    index("api_token", "expires_at")


def log() -> None:
    op.create_table(
        "audit",
        text("id"),
        text("organization_id"),
        number("at"),
        text("actor_kind"),
        text("actor"),
        text("action"),
        text("kind"),
        text("object"),
        text("before"),
        text("after"),
        text("about"),
        text("personal"),
        text("address"),
        text("reference"),
        key("audit", "id"),
    )
    index("audit", "organization_id", "id")
    index("audit", "about", "organization_id")
    index("audit", "actor", "organization_id")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute('ALTER TABLE account ALTER COLUMN email_key TYPE text COLLATE "default"')
    for table, columns in NEW:
        no_index(table, *columns)
    for table, was, columns in LONGER:
        no_index(table, *columns)
        index(table, *was)
    op.drop_column("account", "name_key")
    op.drop_column("join_request", "user_id")
    for table in (
        "audit", "api_token", "setup_link", "kept_message", "trial", "departing", "kept_connection",
        "kept_organization", "configuration",
    ):  # fmt: skip
        op.drop_table(table)
