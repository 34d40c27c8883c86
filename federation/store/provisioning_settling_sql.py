"""The statements of ``provisioning_settling`` and ``provisioning_meeting``; as ``sql``."""

_DUE = """
SELECT connection, organization_id, id, due_number FROM scim_user
WHERE connection = :connection AND {0} ORDER BY due_at LIMIT :batch
"""

FIND_DUE = _DUE.format("due_at IS NOT NULL")

# By a key, not among all that are due: of those there may be thousands, of which no statistics tell yet.
_IS_DUE = "coalesce(due_at, -1) >= 0"
FIND_DUE_OF_USER = _DUE.format(f"user_id = :user_id AND {_IS_DUE}")
FIND_DUE_OF = _DUE.format(f"id IN (SELECT value FROM json_each(:ids)) AND {_IS_DUE}")  # noqa: S608  of parts that stand here

# One caller on any node; what has changed since is due still.
SETTLE_SCIM_USER = f"""
UPDATE scim_user SET due_at = NULL, refused = :refused
WHERE connection = :connection AND id = :id AND user_id = :user_id
  AND due_number = :number AND {_IS_DUE}
RETURNING id
"""  # noqa: S608  of parts that stand here

# Others have their turn before it; what has changed since is not put off.
POSTPONE = f"""
UPDATE scim_user SET due_at = :until
WHERE connection = :connection AND id = :id AND due_number = :number AND {_IS_DUE}
"""  # noqa: S608  of parts that stand here

# The accounts by which a user comes through a connection.
FIND_ACCOUNTS_THROUGH = """
SELECT person, email, email_proven, given_name, family_name, display_name FROM account
WHERE organization_id = :organization_id AND user_id = :user_id AND connection = :connection
  AND person NOT LIKE '%/%'
ORDER BY signed_in_at DESC, person
"""

# Of whom a directory speaks when somebody comes: by their user, else externalId, userName, address.
# The last column tells that another Subject comes through this connection as the resource's user.
_AWAITED = """
SELECT {0}, id, user_id, active, email, display_name, body, CASE WHEN EXISTS (SELECT 1 FROM account
  WHERE account.user_id = scim_user.user_id AND account.organization_id = :organization_id
    AND account.connection = :connection AND account.person <> :person
    AND account.person NOT LIKE '%/%') THEN 1 ELSE 0 END
FROM scim_user WHERE connection = :connection AND organization_id = :organization_id AND {1}
"""

FIND_AWAITED = "UNION ALL".join(
    _AWAITED.format(*one)
    for one in (
        (0, "user_id = :user_id"),
        (1, "external_id <> '' AND external_id IN (SELECT value FROM json_each(:externals))"),
        (2, "user_name_key IN (SELECT value FROM json_each(:names))"),
        (3, "email_key <> '' AND email_key = :email_key"),
    )
)

POINT_ELSEWHERE = """
UPDATE scim_user SET user_id = :user_id, due_at = coalesce(due_at, :now), due_number = due_number + 1
WHERE connection = :connection AND id = :id AND user_id = :was AND active = 1
RETURNING id
"""

ARRAYS = (FIND_DUE_OF, FIND_AWAITED)
