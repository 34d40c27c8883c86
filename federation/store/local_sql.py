"""Every statement about local accounts, first administrators and break-glass; see ``sql``."""

# Nobody else has this address at the connection, or nothing is added.
ADD_LOCAL_ACCOUNT = """
INSERT INTO local_account (id, organization_id, connection, email, email_key, display_name,
  password_hash, password_at, link_hash, link_until, created_at)
VALUES (:id, :organization_id, :connection, :email, :email_key, :display_name,
  '', NULL, NULL, NULL, :now)
ON CONFLICT (connection, email_key) DO NOTHING
RETURNING id
"""

EXPECT_USER = """
INSERT INTO provisioned_user (organization_id, source, user_id, connection, email, email_key, created_at)
VALUES (:organization_id, :source, :user_id, :connection, :email, :email_key, :now)
ON CONFLICT (organization_id, source, user_id) DO NOTHING
"""

DROP_EXPECTED = """
DELETE FROM provisioned_user
WHERE organization_id = :organization_id AND connection = :connection AND email_key = :email_key
"""

_LOCAL_ACCOUNT = """
SELECT id, organization_id, connection, email, display_name, password_hash, password_at, link_until
FROM local_account
"""

FIND_LOCAL_ACCOUNT = f"{_LOCAL_ACCOUNT} WHERE connection = :connection AND email_key = :email_key"

FIND_LOCAL_ACCOUNTS = f"{_LOCAL_ACCOUNT} WHERE connection = :connection ORDER BY email_key"

FIND_BY_LINK = f"""{_LOCAL_ACCOUNT}
WHERE link_hash = :link_hash AND connection = :connection AND link_until > :now
"""

# A new link takes the place of the one before.
SET_LINK = """
UPDATE local_account SET link_hash = :link_hash, link_until = :link_until
WHERE connection = :connection AND email_key = :email_key
RETURNING id
"""

# One statement decides who uses a link.
CHOOSE_BY_LINK = """
UPDATE local_account SET password_hash = :password_hash, password_at = :now, link_hash = NULL,
  link_until = NULL
WHERE link_hash = :link_hash AND connection = :connection AND link_until > :now
RETURNING id, organization_id, email_key
"""

CHOOSE_BY_ADDRESS = """
UPDATE local_account SET password_hash = :password_hash, password_at = :now, link_hash = NULL,
  link_until = NULL
WHERE connection = :connection AND email_key = :email_key
RETURNING id, organization_id, email_key
"""

# The same password, kept at today's cost; not over one that was set meanwhile.
KEEP_RENEWED_HASH = """
UPDATE local_account SET password_hash = :renewed WHERE id = :id AND password_hash = :kept
"""

REMOVE_LOCAL_ACCOUNT = """
DELETE FROM local_account WHERE connection = :connection AND email_key = :email_key
RETURNING id, organization_id
"""

FIND_ATTEMPTS = """
SELECT tries, locked_until FROM local_attempts WHERE address_hash = :address_hash
"""

KEEP_ATTEMPTS = """
INSERT INTO local_attempts (address_hash, tries, locked_until, kept_until)
VALUES (:address_hash, :tries, :locked_until, :kept_until)
ON CONFLICT (address_hash) DO UPDATE SET tries = excluded.tries,
  locked_until = excluded.locked_until, kept_until = excluded.kept_until
"""

FORGET_ATTEMPTS = """
DELETE FROM local_attempts WHERE address_hash = :address_hash
RETURNING locked_until
"""

# One caller on any node offers a link, and no second one while that is good.
OFFER_BOOTSTRAP = """
INSERT INTO bootstrap_link (organization_id, token_hash, created_at, expires_at)
VALUES (:organization_id, :token_hash, :now, :expires_at)
ON CONFLICT (organization_id) DO UPDATE SET token_hash = excluded.token_hash,
  created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL
WHERE bootstrap_link.expires_at <= excluded.created_at OR bootstrap_link.used_at IS NOT NULL
RETURNING organization_id
"""

REPLACE_BOOTSTRAP = """
INSERT INTO bootstrap_link (organization_id, token_hash, created_at, expires_at)
VALUES (:organization_id, :token_hash, :now, :expires_at)
ON CONFLICT (organization_id) DO UPDATE SET token_hash = excluded.token_hash,
  created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL
RETURNING organization_id
"""

FIND_BOOTSTRAP = """
SELECT organization_id FROM bootstrap_link
WHERE token_hash = :token_hash AND used_at IS NULL AND expires_at > :now
"""

# One statement decides who uses it; undone with the transaction where they are refused.
USE_BOOTSTRAP = """
UPDATE bootstrap_link SET used_at = :now
WHERE organization_id = :organization_id AND token_hash = :token_hash
  AND used_at IS NULL AND expires_at > :now
RETURNING organization_id
"""

FIND_BREAK_GLASS = """
SELECT user_id, code_hash, sealed_at, used_at, last_used_at FROM break_glass
WHERE organization_id = :organization_id
"""

SEAL_BREAK_GLASS = """
INSERT INTO break_glass (organization_id, user_id, code_hash, sealed_at)
VALUES (:organization_id, :user_id, :code_hash, :now)
ON CONFLICT (organization_id) DO UPDATE SET code_hash = excluded.code_hash,
  sealed_at = excluded.sealed_at, used_at = NULL
"""

# One statement decides who uses a code.
USE_BREAK_GLASS = """
UPDATE break_glass SET used_at = :now, last_used_at = :now
WHERE organization_id = :organization_id AND code_hash = :code_hash AND used_at IS NULL
RETURNING user_id
"""
