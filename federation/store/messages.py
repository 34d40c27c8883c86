"""What messages said, of connections that record in full: sealed, apart from the records, not for long.

Of a person's sign-in it is sealed under their key; of one that no signature vouched for under the ring,
in a ring of rows: whoever sends rubbish cannot fill the disk.
"""

from federation.store import messages_sql, sql
from federation.store.rows import Steps, micros, storable
from federation.store.values import Record

RING = 300  # without a person
OF_PERSON = 20  # the latest


def keep(record: Record) -> Steps[None]:
    """Keep the message of a record, if it has one, in the transaction that keeps the record."""
    if not record.message:
        return
    place = None
    if not record.person:
        ((place,),) = yield sql.NEXT_PLACE, {"name": "kept_message", "size": RING}
    whose = {"person": record.person, "organization_id": record.organization}
    told = {"reference": record.reference, "recorded_at": micros(record.at), "sealed": record.message}
    yield messages_sql.KEEP_MESSAGE, {**whose, **told, "ring": place}
    if record.person:
        yield messages_sql.TRIM_MESSAGES, {**whose, "kept": OF_PERSON}


def find(reference: str) -> Steps[str]:
    """One read by primary key."""
    found = yield messages_sql.FIND_MESSAGE, {"reference": storable(reference)}
    return str(found[0][0]) if found else ""


def reveal(reference: str) -> Steps[bool]:
    """Changes nothing: the line of the audit log that is written with it is what counts."""
    return bool((yield sql.FIND_RECORD, {"reference": storable(reference)}))
