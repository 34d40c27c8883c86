"""Every statement that runs in a request, once for both engines.

``:name`` is a parameter; SQLite reads it as it stands, ``postgres`` numbers it. Written out,
because compiling it at start would import SQLAlchemy (half a second of CPU in every worker):
``tests/test_store.py`` prepares each one against the schema of ``tables.py``, on both engines.
"""

from federation.store import (
    api_tokens_sql,
    audit_sql,
    messages_sql,
    provisioning_credentials_sql,
    setup_links_sql,
    trials_sql,
)

# Nobody is sent away by a connection that is switched off, but to try it.
REMEMBER_PENDING = """
INSERT INTO pending_sign_in (handle_hash, connection, binder_hash, expects, return_to, replaces,
  created_at, expires_at)
SELECT :handle_hash, :connection, :binder_hash, :expects, :return_to, :replaces, :created_at, :expires_at
WHERE :on_trial = 1
  OR NOT EXISTS (SELECT 1 FROM connection_state WHERE connection_state.connection = :connection)
RETURNING handle_hash
"""

# One statement decides the winner; upkeep deletes the used row when it expires.
TAKE_PENDING = """
UPDATE pending_sign_in SET used_at = :now
WHERE handle_hash = :handle_hash AND connection = :connection AND binder_hash = :binder_hash
  AND used_at IS NULL AND expires_at > :now
RETURNING expects, return_to, replaces, created_at, expires_at
"""

# Asked only by those who did not win, to say why.
FIND_PENDING = """
SELECT connection, binder_hash, used_at FROM pending_sign_in
WHERE handle_hash = :handle_hash AND expires_at > :now
"""

FIND_FINISHED = """
SELECT pending_sign_in.return_to
FROM pending_sign_in JOIN session ON session.id = pending_sign_in.session_id
WHERE pending_sign_in.handle_hash = :handle_hash AND pending_sign_in.expires_at > :now
  AND session.token_hash = :token_hash
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

CLAIM_ASSERTION = """
INSERT INTO claimed_assertion (claim_hash, kept_until) VALUES (:claim_hash, :kept_until)
ON CONFLICT (claim_hash) DO NOTHING
RETURNING claim_hash
"""

# Of one that is found here the purge wants nothing for days yet, whatever its clock says.
FIND_PERSON_KEY = """
SELECT wrapped FROM person_key
WHERE person = :person AND ring_key = :ring_key AND created_at > :young_since
"""

# The row changes, so that a purge which waits for it, or has looked already, looks again and leaves
# it; and where the purge was first, it is made anew.
KEEP_PERSON_KEY = """
INSERT INTO person_key (person, ring_key, wrapped, created_at)
VALUES (:person, :ring_key, :wrapped, :now)
ON CONFLICT (person, ring_key) DO UPDATE SET created_at = :now
RETURNING wrapped
"""

FIND_PERSON_KEYS = """
SELECT wrapped FROM person_key WHERE person = :person ORDER BY created_at DESC, ring_key
"""

# Locks the account of a known person, so that their sign-ins follow one another. A stable id is
# added where there is none of its kind; whether it is the one that stands, the row tells.
UPDATE_ACCOUNT = """
UPDATE account SET subject_key = :subject_key, connection = :connection, signed_in_at = :now,
  stable_ids = CASE WHEN stable_ids LIKE :any_of_kind THEN stable_ids ELSE stable_ids || :stable_id END
WHERE organization_id = :organization_id AND person = :person
RETURNING user_id, stable_ids, joined, email, email_proven, given_name, family_name, display_name
"""

# A joined account was signed in by for the first time.
UPDATE_JOINED = """
UPDATE account SET joined = 0 WHERE organization_id = :organization_id AND person = :person
"""

UPDATE_PROFILE = """
UPDATE account SET email = :email, email_key = :email_key, email_proven = :email_proven,
  given_name = :given_name, family_name = :family_name, display_name = :display_name, name_key = :name_key
WHERE organization_id = :organization_id AND person = :person
"""

ADD_USER = """
INSERT INTO "user" (id, created_at) VALUES (:user_id, :now)
"""

# Two sign-ins of one new person at one moment: the second waits, and is told the first one's user.
ADD_ACCOUNT = """
INSERT INTO account (organization_id, person, subject_key, stable_ids, user_id, connection, email, email_key,
  email_proven, given_name, family_name, display_name, name_key, created_at, signed_in_at, released_at)
VALUES (:organization_id, :person, :subject_key, :stable_id, :user_id, :connection, :email, :email_key,
  :email_proven, :given_name, :family_name, :display_name, :name_key, :now, :now, 0)
ON CONFLICT (organization_id, person) DO UPDATE SET signed_in_at = excluded.signed_in_at, joined = 0,
  stable_ids = CASE WHEN account.stable_ids LIKE :any_of_kind THEN account.stable_ids
    ELSE account.stable_ids || excluded.stable_ids END
RETURNING user_id, stable_ids, joined, email, email_proven, given_name, family_name, display_name
"""

# Who a new person could be: see ``decision.Candidates``. Of whoever has the address every account
# counts. A detached account is of no Subject. Of whom a directory made, and told by which Subject they
# come, no address finds them: whoever comes with another one may write any. CROSS, because SQLite would
# look for the users among all accounts of the organization.
FIND_CANDIDATES = """
WITH holder AS (SELECT DISTINCT user_id FROM account
  WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%')
SELECT 'holder', other.user_id, other.connection,
  CASE WHEN other.email_key = :email_key AND other.email_proven = 1 THEN 'proven' ELSE '' END, '', ''
FROM holder CROSS JOIN account AS other WHERE other.user_id = holder.user_id
  AND other.organization_id = :organization_id AND other.person NOT LIKE '%/%'
UNION ALL
SELECT 'invited', id, CASE WHEN token_hash = :invitation THEN 'link' ELSE '' END, roles, teams, ''
FROM invitation WHERE organization_id = :organization_id AND email_key = :email_key
  AND used_at IS NULL AND expires_at > :now
UNION ALL
SELECT 'provisioned', user_id, source, connection, '', ''
FROM provisioned_user WHERE organization_id = :organization_id AND email_key = :email_key
  AND NOT EXISTS (SELECT 1 FROM scim_user WHERE scim_user.user_id = provisioned_user.user_id
    AND scim_user.connection = provisioned_user.connection AND scim_user.has_subject = 1)
"""

# One statement decides who uses it.
USE_INVITATION = """
UPDATE invitation SET used_at = :now, user_id = :user_id
WHERE id = :id AND used_at IS NULL AND expires_at > :now
RETURNING id
"""

# Once they have come, their Subject finds them.
DROP_PROVISIONED = """
DELETE FROM provisioned_user WHERE organization_id = :organization_id AND user_id = :user_id
"""

# Of the account that the refused sign-in met: not one that came into being or was released since.
FORGET_STABLE_IDS = """
UPDATE account SET stable_ids = '', released_at = :now
WHERE organization_id = :organization_id AND person = :person
  AND created_at <= :refused_at AND released_at <= :refused_at
RETURNING user_id, email
"""

# Likewise.
DETACH_ACCOUNT = """
UPDATE account SET person = :detached, released_at = :now
WHERE organization_id = :organization_id AND person = :person
  AND created_at <= :refused_at AND released_at <= :refused_at
RETURNING user_id, email
"""

END_SESSIONS_OF = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

# What a connection gave that is gone counts for nothing, though not all of it is deleted yet: see ``kept``.
_STAYS = "source NOT IN (SELECT source FROM departing)"

# All that hangs together of one person in one organization: see ``decision.Standing``.
FIND_STANDING = f"""
SELECT 'grant', role, source, why FROM role_grant
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'member', team_key, source, why FROM team_membership
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'kept', team.key, '', '' FROM team_membership JOIN team
  ON team.organization_id = team_membership.organization_id AND team.key = team_membership.team_key
WHERE team_membership.organization_id = :organization_id AND team_membership.user_id = :user_id
  AND team_membership.{_STAYS}
UNION ALL
SELECT 'membership', source, '', '' FROM membership
WHERE organization_id = :organization_id AND user_id = :user_id AND {_STAYS}
UNION ALL
SELECT 'deactivated', source, organization_id, '' FROM deactivation
WHERE user_id = :user_id AND organization_id IN (:organization_id, '')
UNION ALL
SELECT 'disabled', connection, '', '' FROM connection_state WHERE connection = :connection
UNION ALL
SELECT 'enforced', domain, connections, CASE WHEN domain <> '' AND EXISTS (SELECT 1 FROM account
  WHERE account.organization_id = :organization_id AND account.user_id = :user_id
    AND account.email_key LIKE '%@' || replace(enforcement.domain, '*', '%')) THEN 'here' ELSE '' END
FROM enforcement WHERE organization_id = :organization_id
"""  # noqa: S608  our own words

# Has the organization teams of the store?
HAS_TEAMS = """
SELECT key FROM team WHERE organization_id = :organization_id LIMIT 1
"""

# The same of somebody who is made by this sign-in: nothing is theirs yet but the address they come with.
FIND_STANDING_OF_NEW = """
SELECT 'disabled', connection, '', '' FROM connection_state WHERE connection = :connection
UNION ALL
SELECT 'enforced', domain, connections, CASE WHEN domain <> ''
  AND :email_key LIKE '%@' || replace(enforcement.domain, '*', '%') THEN 'here' ELSE '' END
FROM enforcement WHERE organization_id = :organization_id
"""

# The teams of the store that the person is in, or whose groups they are in, with what each gives;
# and those that have the key which one would have that is made of their groups.
# ``postgres`` reads the array of groups in its own way: see there.
FIND_TEAMS = """
WITH led AS (
  SELECT team_key, group_key FROM team_group
  WHERE organization_id = :organization_id AND connection IN (:connection, '')
    AND group_key IN (SELECT value FROM json_each(:groups))
), theirs AS (
  SELECT team_key FROM led
  UNION SELECT team_key FROM team_membership
  WHERE organization_id = :organization_id AND user_id = :user_id
  UNION SELECT key FROM team
  WHERE organization_id = :organization_id AND key IN (SELECT value FROM json_each(:keys))
)
SELECT 'team', team.key, team.name, team.source
FROM team JOIN theirs ON theirs.team_key = team.key WHERE team.organization_id = :organization_id
UNION ALL SELECT 'group', team_key, group_key, '' FROM led
UNION ALL
SELECT 'role', team_role.team_key, team_role.role, ''
FROM team_role JOIN theirs ON theirs.team_key = team_role.team_key
WHERE team_role.organization_id = :organization_id
"""

ADDRESS_HOLDERS = """
SELECT user_id FROM account
WHERE organization_id = :organization_id AND email_key = :email_key AND person NOT LIKE '%/%'
"""

# Is anybody left? What is written of somebody who is no member any more counts for nobody.
# Asked after ``LOCK_NAME`` of the organization, by all who would take such a role away.
OTHER_ADMINISTRATORS = f"""
SELECT count(*) FROM (
  SELECT user_id FROM role_grant
  WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles)) AND {_STAYS}
  UNION
  SELECT user_id FROM team_membership WHERE organization_id = :organization_id AND {_STAYS}
    AND (team_key IN (SELECT value FROM json_each(:teams)) OR team_key IN (
      SELECT team_key FROM team_role
      WHERE organization_id = :organization_id AND role IN (SELECT value FROM json_each(:roles))))
) AS held
WHERE user_id <> :user_id
  AND EXISTS (SELECT 1 FROM membership WHERE membership.organization_id = :organization_id
    AND membership.user_id = held.user_id AND membership.{_STAYS})
  AND NOT EXISTS (SELECT 1 FROM deactivation WHERE deactivation.user_id = held.user_id
    AND deactivation.organization_id IN (:organization_id, ''))
"""  # noqa: S608  our own words

DROP_GRANT = """
DELETE FROM role_grant WHERE organization_id = :organization_id AND user_id = :user_id
  AND source = :source AND role = :role AND why = :why
"""

ADD_GRANT = """
INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)
VALUES (:organization_id, :user_id, :source, :role, :why, :now)
ON CONFLICT (organization_id, user_id, source, role, why) DO NOTHING
"""

ADD_MEMBERSHIP = """
INSERT INTO membership (organization_id, user_id, source, created_at)
VALUES (:organization_id, :user_id, :source, :now)
ON CONFLICT (organization_id, user_id, source) DO NOTHING
"""

MAKE_TEAM = """
INSERT INTO team (organization_id, key, name, source, created_at)
VALUES (:organization_id, :key, :name, :source, :now)
ON CONFLICT (organization_id, key) DO NOTHING
RETURNING key
"""

COUNT_TEAMS = """
SELECT count(*) FROM team WHERE organization_id = :organization_id
"""

LINK_TEAM = """
INSERT INTO team_group (organization_id, group_key, team_key, connection)
VALUES (:organization_id, :group_key, :key, :connection)
ON CONFLICT (organization_id, group_key, team_key, connection) DO NOTHING
"""

JOIN_TEAM = """
INSERT INTO team_membership (organization_id, user_id, team_key, source, why, joined_at)
VALUES (:organization_id, :user_id, :key, :source, :why, :now)
ON CONFLICT (organization_id, user_id, team_key, source) DO UPDATE SET why = excluded.why
"""

LEAVE_TEAM = """
DELETE FROM team_membership WHERE organization_id = :organization_id AND user_id = :user_id
  AND team_key = :key AND source = :source
"""

# What other live sessions of a person say of them, where it has changed.
FIND_SNAPSHOTS = """
SELECT token_hash, data FROM session
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
"""

UPDATE_SNAPSHOT = """
UPDATE session SET data = :data WHERE token_hash = :token_hash
"""

ADD_SESSION = """
INSERT INTO session (token_hash, id, organization_id, user_id, connection, person, data, authenticated_at,
  created_at, expires_at, idle, idle_at, last_seen)
VALUES (:token_hash, :id, :organization_id, :user_id, :connection, :person, :data, :authenticated_at,
  :created_at, :expires_at, :idle, :idle_at, :created_at)
"""

# Whoever signs in all day from one program does not grow without bound.
END_OLD_SESSIONS = """
UPDATE session SET ended_at = :now, idle_at = :now WHERE token_hash IN
  (SELECT token_hash FROM session
   WHERE organization_id = :organization_id AND user_id = :user_id AND ended_at IS NULL
   ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET :kept)
"""

FINISH_PENDING = """
UPDATE pending_sign_in SET session_id = :session_id WHERE handle_hash = :handle_hash
"""

_SESSION = """
SELECT id, organization_id, connection, data, authenticated_at, created_at, expires_at, idle_at,
  idle, last_seen, ended_at
FROM session
"""

FIND_SESSION = f"{_SESSION} WHERE token_hash = :token_hash"

FIND_SESSIONS_OF = f"""{_SESSION}
WHERE organization_id = :organization_id AND user_id = :user_id
  AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
ORDER BY created_at DESC, id DESC
"""

# ``seen_before`` is a minute ago: whoever else noted the use since then has done it.
TOUCH_SESSION = """
UPDATE session SET last_seen = :now, idle_at = :idle_at
WHERE token_hash = :token_hash AND ended_at IS NULL AND last_seen <= :seen_before
"""

# ``idle_at`` moves too: it alone tells upkeep what is over.
END_SESSION = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE token_hash = :token_hash AND ended_at IS NULL
"""

END_SESSION_BY_ID = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE id = :id AND user_id = :user_id AND ended_at IS NULL AND idle_at > :now AND expires_at > :now
RETURNING token_hash
"""

ADD_PROVIDER_SESSION = """
INSERT INTO provider_session (session_id, connection, organization_id, name_hash, index_hash, alone_hash,
  sealed)
VALUES (:session_id, :connection, :organization_id, :name_hash, :index_hash, :alone_hash, :sealed)
"""

FIND_PROVIDER_SESSION = """
SELECT provider_session.organization_id, provider_session.connection, provider_session.sealed
FROM session JOIN provider_session ON provider_session.session_id = session.id
WHERE session.token_hash = :token_hash
  AND session.ended_at IS NULL AND session.idle_at > :now AND session.expires_at > :now
"""

# ``postgres`` has these take the lock of a name: see ``provider_sessions``. Where there is one
# writer, there is nothing to lock.
SHARE_NAME = "SELECT :gate AS gate"
LOCK_NAME = "SELECT :gate"
# Only where the Subject has no account; the row tells that it was taken.
LOCK_NAME_OF_NEW = """
SELECT :gate WHERE NOT EXISTS
  (SELECT 1 FROM account WHERE organization_id = :organization_id AND person = :person)
"""

# Not IN: that would cost twice as much on SQLite.
FIND_LOGOUT = """
SELECT issued_at FROM provider_logout WHERE logout_hash = :name_hash AND kept_until > :now
UNION ALL
SELECT issued_at FROM provider_logout WHERE logout_hash = :index_hash AND kept_until > :now
"""

# Where its provider may name the session by itself.
FIND_LOGOUT_ALONE = (
    FIND_LOGOUT
    + """UNION ALL
SELECT issued_at FROM provider_logout WHERE logout_hash = :alone_hash AND kept_until > :now
"""
)

# Of two that name the same, the later of each moment counts.
REMEMBER_LOGOUT = """
INSERT INTO provider_logout (logout_hash, issued_at, kept_until)
VALUES (:logout_hash, :issued_at, :kept_until)
ON CONFLICT (logout_hash) DO UPDATE SET
  issued_at = CASE WHEN provider_logout.issued_at > excluded.issued_at
    THEN provider_logout.issued_at ELSE excluded.issued_at END,
  kept_until = CASE WHEN provider_logout.kept_until > excluded.kept_until
    THEN provider_logout.kept_until ELSE excluded.kept_until END
"""

_END_PROVIDER_SESSIONS = """
UPDATE session SET ended_at = :now, idle_at = :now
WHERE ended_at IS NULL AND idle_at > :now AND expires_at > :now AND id IN
  (SELECT session_id FROM provider_session
    WHERE name_hash = :name_hash{0} AND organization_id = :organization_id)
RETURNING token_hash
"""

END_PROVIDER_SESSIONS = _END_PROVIDER_SESSIONS.format("")

END_PROVIDER_SESSION = _END_PROVIDER_SESSIONS.format(" AND index_hash = :index_hash")

END_SESSION_ALONE = END_PROVIDER_SESSIONS.replace("name_hash = :name_hash", "alone_hash = :alone_hash")

NEXT_PLACE = """
INSERT INTO ring (name, place) VALUES (:name, 0)
ON CONFLICT (name) DO UPDATE SET place = (ring.place + 1) % :size
RETURNING place
"""

# With a place the oldest record of the ring makes room; without one, nothing conflicts.
KEEP_RECORD = """
INSERT INTO decision_record (reference, recorded_at, code, detail, connection, organization_id,
  size, digest, person, sealed, ring)
VALUES (:reference, :recorded_at, :code, :detail, :connection, :organization_id,
  :size, :digest, :person, :sealed, :ring)
ON CONFLICT (ring) DO UPDATE SET reference = excluded.reference, recorded_at = excluded.recorded_at,
  code = excluded.code, detail = excluded.detail, connection = excluded.connection,
  organization_id = excluded.organization_id, size = excluded.size, digest = excluded.digest,
  person = excluded.person, sealed = excluded.sealed
"""

# Of one person the latest are kept; what is over goes with the record that makes it so.
TRIM_RECORDS = """
DELETE FROM decision_record WHERE reference IN
  (SELECT reference FROM decision_record WHERE person = :person AND organization_id = :organization_id
   ORDER BY recorded_at DESC, reference LIMIT 1000 OFFSET :kept)
"""

FIND_RECORD = """
SELECT reference, recorded_at, code, detail, connection, organization_id, size, digest, person, sealed
FROM decision_record WHERE reference = :reference
"""

TAKE_LEASE = """
INSERT INTO lease (job, holder, held_until) VALUES (:job, :holder, :held_until)
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE lease.holder = excluded.holder OR lease.held_until <= :now
RETURNING job
"""

# What is over, kind by kind; a batch at a time, so that no sign-in waits long behind it.
PURGE = (
    """
DELETE FROM pending_sign_in WHERE handle_hash IN
  (SELECT handle_hash FROM pending_sign_in WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM claimed_assertion WHERE claim_hash IN
  (SELECT claim_hash FROM claimed_assertion WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM local_attempts WHERE address_hash IN
  (SELECT address_hash FROM local_attempts WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM provider_logout WHERE logout_hash IN
  (SELECT logout_hash FROM provider_logout WHERE kept_until <= :now LIMIT :batch)
RETURNING 1
""",
    # and its provider_session with it
    """
DELETE FROM session WHERE token_hash IN
  (SELECT token_hash FROM session WHERE idle_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM invitation WHERE id IN (SELECT id FROM invitation WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    """
DELETE FROM join_request WHERE token_hash IN
  (SELECT token_hash FROM join_request WHERE expires_at <= :now LIMIT :batch)
RETURNING 1
""",
    trials_sql.PURGE_TRIALS,
    """
DELETE FROM decision_record WHERE reference IN
  (SELECT reference FROM decision_record WHERE recorded_at <= :records_before LIMIT :batch)
RETURNING 1
""",
    messages_sql.PURGE,
    api_tokens_sql.PURGE,
    setup_links_sql.PURGE,
    provisioning_credentials_sql.PURGE_CREDENTIALS,
    audit_sql.PURGE_AUDIT,
    # A key is made, or made young again, with a record: only an old one without any is over.
    """
DELETE FROM person_key WHERE created_at <= :keys_before AND person IN
  (SELECT person FROM person_key WHERE created_at <= :keys_before AND NOT EXISTS
     (SELECT 1 FROM decision_record WHERE decision_record.person = person_key.person) LIMIT :batch)
RETURNING 1
""",
)

FIND_VERSION = """
SELECT version_num FROM alembic_version
"""
