"""The statements of ``provisioning_settling``; as ``sql``."""

_DUE = """
SELECT connection, organization_id, id, due_number FROM scim_user
WHERE connection = :connection AND due_at IS NOT NULL{0} ORDER BY due_at LIMIT :batch
"""

FIND_DUE = _DUE.format("")

FIND_DUE_OF = _DUE.format(" AND id IN (SELECT value FROM json_each(:ids))")

ARRAYS = (FIND_DUE_OF,)
