"""The statements of ``provisioning_clearing``, and of a person's data; as ``sql``."""

CONNECTIONS_OF_USER = """
SELECT connection FROM scim_user WHERE user_id = :user_id AND organization_id = :organization_id
ORDER BY connection
"""

_THEIRS = """(SELECT scim_member.group_id FROM scim_user JOIN scim_member
  ON scim_member.connection = scim_user.connection AND scim_member.member_id = scim_user.id
  WHERE scim_user.user_id = :user_id AND scim_user.organization_id = :organization_id
    AND scim_member.connection = scim_group.connection)"""

SHRINK_GROUPS_OF_USER = f"""
UPDATE scim_group SET size = size - 1, version = version + 1
WHERE connection IN (SELECT value FROM json_each(:connections)) AND id IN {_THEIRS}
"""  # noqa: S608  of parts that stand here

_RESOURCES = """(SELECT id FROM scim_user WHERE scim_user.user_id = :user_id
  AND scim_user.organization_id = :organization_id AND scim_user.connection = {0}.connection)"""

DROP_MEMBERS_OF_USER = f"""
DELETE FROM scim_member WHERE connection IN (SELECT value FROM json_each(:connections))
  AND member_id IN {_RESOURCES.format("scim_member")}
"""  # noqa: S608  likewise

DROP_EMAILS_OF_USER = f"""
DELETE FROM scim_email WHERE connection IN (SELECT value FROM json_each(:connections))
  AND resource_id IN {_RESOURCES.format("scim_email")}
"""  # noqa: S608  likewise

DROP_RESOURCES_OF_USER = """
DELETE FROM scim_user WHERE user_id = :user_id AND organization_id = :organization_id RETURNING 1
"""

EXPORT_RESOURCES = """
SELECT id, connection, user_name, external_id, display_name, email, active, body, created_at, changed_at
FROM scim_user WHERE user_id = :user_id AND organization_id = :organization_id ORDER BY connection
"""

EXPORT_GROUPS = """
SELECT scim_group.connection, scim_group.id, scim_group.display_name FROM scim_user
JOIN scim_member ON scim_member.connection = scim_user.connection AND scim_member.member_id = scim_user.id
JOIN scim_group ON scim_group.connection = scim_member.connection AND scim_group.id = scim_member.group_id
WHERE scim_user.user_id = :user_id AND scim_user.organization_id = :organization_id
ORDER BY scim_group.connection, scim_group.id
"""

# Of a connection that goes: what its directory kept here, and whom it kept out.
USERS_OF_CONNECTION = """
SELECT user_id FROM scim_user WHERE connection = :connection
"""

DROP_OF_CONNECTION = tuple(
    f"DELETE FROM {table} WHERE connection = :connection"  # noqa: S608  ours
    for table in ("scim_member", "scim_group", "scim_email", "scim_user", "scim_spread", "scim_credential")
)

# Of every connection, whether it provisions still or not. Groups of which nobody is left are somebody's, too.
COUNT_RESIDUES = """
SELECT connection, organization_id, sum(users), sum(kept_out) FROM
  (SELECT connection, organization_id, count(*) AS users, sum(1 - active) AS kept_out FROM scim_user
    GROUP BY connection, organization_id
   UNION ALL
   SELECT DISTINCT connection, organization_id, 0, 0 FROM scim_group) AS known
GROUP BY connection, organization_id ORDER BY connection, organization_id
"""

LIVE_RESIDENTS = """
SELECT DISTINCT session.user_id FROM scim_user JOIN session ON session.user_id = scim_user.user_id
WHERE scim_user.connection = :connection AND session.organization_id = :organization_id
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

LIFT_DEACTIVATIONS = """
DELETE FROM deactivation WHERE organization_id = :organization_id AND source = :source
"""

DROP_AWAITED_OF = """
DELETE FROM provisioned_user WHERE organization_id = :organization_id AND source = :source
  AND user_id IN (SELECT value FROM json_each(:users))
"""

ARRAYS = (
    SHRINK_GROUPS_OF_USER, DROP_MEMBERS_OF_USER, DROP_EMAILS_OF_USER, DROP_AWAITED_OF,
)  # fmt: skip
