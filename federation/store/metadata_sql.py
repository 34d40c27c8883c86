"""Every statement about what identity providers publish, once for both engines; see ``sql``."""

ADD_METADATA = """
INSERT INTO provider_metadata (connection, source, document, digest, etag, last_modified,
  fetched_at, checked_at, asked_at, held_source, held_document, held_digest, held_at, held_changes,
  rejected_digest)
VALUES (:connection, '', '', '', '', '', 0, 0, 0, '', '', '', 0, '[]', '')
ON CONFLICT (connection) DO NOTHING
"""

FIND_METADATA = """
SELECT connection, source, document, digest, etag, last_modified, fetched_at, checked_at,
  held_document, held_digest, held_at, held_changes
FROM provider_metadata WHERE connection = :connection AND digest <> ''
"""

FIND_HELD = """
SELECT held_digest, held_changes, held_at, rejected_digest
FROM provider_metadata WHERE connection = :connection AND digest = :previous
"""

# One statement decides between those who compared with the same document. What was held is older.
KEEP_METADATA = """
UPDATE provider_metadata SET source = :source, document = :document, digest = :digest, etag = :etag,
  last_modified = :last_modified, fetched_at = :fetched_at, checked_at = :checked_at,
  held_source = '', held_document = '', held_digest = '', held_at = 0, held_changes = '[]',
  rejected_digest = ''
WHERE connection = :connection AND digest = :previous
RETURNING connection
"""

HOLD_METADATA = """
UPDATE provider_metadata SET held_source = :source, held_document = :document, held_digest = :digest,
  held_at = :held_at, held_changes = :changes, etag = :etag, last_modified = :last_modified,
  checked_at = :checked_at
WHERE connection = :connection AND digest = :previous AND held_digest = :seen
RETURNING connection
"""

APPROVE_METADATA = """
UPDATE provider_metadata SET source = held_source, document = held_document, digest = held_digest,
  fetched_at = held_at, held_source = '', held_document = '', held_digest = '', held_at = 0,
  held_changes = '[]', rejected_digest = ''
WHERE connection = :connection AND held_digest = :digest AND held_digest <> ''
RETURNING connection
"""

REJECT_METADATA = """
UPDATE provider_metadata SET rejected_digest = held_digest, held_source = '', held_document = '',
  held_digest = '', held_at = 0, held_changes = '[]'
WHERE connection = :connection AND held_digest = :digest AND held_digest <> ''
RETURNING connection
"""

NOTE_CHECKED = """
UPDATE provider_metadata SET etag = :etag, last_modified = :last_modified, checked_at = :checked_at
WHERE connection = :connection AND digest = :digest AND digest <> ''
"""

# Who asked in the far future had a wrong clock; it may not keep the others from asking.
MAY_FETCH = """
UPDATE provider_metadata SET asked_at = :now
WHERE connection = :connection AND (asked_at <= :before OR asked_at > :after)
RETURNING connection
"""

ADD_CHANGE = """
INSERT INTO metadata_change (id, connection, changed_at, changes, state, settled_at)
VALUES (:id, :connection, :now, :changes, :state, :settled_at)
"""

# At most one of a connection is held.
SETTLE_CHANGE = """
UPDATE metadata_change SET state = :state, settled_at = :now
WHERE connection = :connection AND state = 'held'
"""

TRIM_CHANGES = """
DELETE FROM metadata_change WHERE id IN
  (SELECT id FROM metadata_change WHERE connection = :connection
   ORDER BY changed_at DESC, id DESC LIMIT 10 OFFSET :kept)
"""

_CHANGES = "SELECT id, connection, changed_at, changes, state, settled_at FROM metadata_change"

FIND_CHANGES = f"{_CHANGES} ORDER BY changed_at DESC, id DESC LIMIT :limit"

FIND_CHANGES_OF = f"""{_CHANGES} WHERE connection = :connection
ORDER BY changed_at DESC, id DESC LIMIT :limit"""
