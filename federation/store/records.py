"""Decision records: kept with the claim of the assertion that they tell of, sealed under a person's key."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from federation.decision import Settled
from federation.errors import AssertionRefused
from federation.store import messages, rows, sql
from federation.store.rows import Steps, micros, storable
from federation.store.values import Claim, Record, Sealing

RING = 10_000  # records without a person: whoever sends rubbish cannot fill the disk
# Bounds, not exact numbers: what is above them goes at one attempt in sixteen, the oldest first.
RECORDS_OF_PERSON = 100  # in one organization: whoever is refused all day cannot either
# Of a person's key: an older one is made young again with its next record. It stays for ``RECORD_LIFE``
# at least, however short records are kept: that is what makes a young one safe from the purge.
KEY_YOUTH = timedelta(days=15)


def prove(record: Record, claim: Claim | None, sealing: Sealing | None) -> rows.Together:
    """What a verified assertion is asked first: its claim, a unique insert, and its person's key."""
    asked: list[rows.Ask] = []
    if claim is not None:
        claim_hash = rows.digest(claim.issuer, claim.id)
        asked.append((sql.CLAIM_ASSERTION, {"claim_hash": claim_hash, "kept_until": micros(claim.until)}))
    if sealing is not None:
        key = {"person": record.person, "ring_key": sealing.ring_key}
        asked.append((sql.FIND_PERSON_KEY, {**key, "young_since": micros(record.at - KEY_YOUTH)}))
    return tuple(asked)


def proven(
    record: Record, claim: Claim | None, sealing: Sealing | None, told: Iterator[Sequence[rows.Row]]
) -> tuple[str, rows.Together]:
    """Hold the answers to ``prove``: the row that comes back tells the one winner.

    Returns:
        The person's key, and nothing more to ask; or "", and the statement that offers a fresh one.
        See ``agree_key``.

    Raises:
        AssertionRefused: ``signin.replayed``.
    """
    if claim is not None and not next(told):
        raise AssertionRefused("signin.replayed", "this assertion has been accepted before")
    if sealing is None:
        return "", ()
    for (wrapped,) in next(told):
        return str(wrapped), ()
    key = {"person": record.person, "ring_key": sealing.ring_key}
    return "", ((sql.KEEP_PERSON_KEY, {**key, "wrapped": sealing.fresh(), "now": micros(record.at)}),)


def agree_key(wrapped: str, offer: rows.Together, told: Sequence[Sequence[rows.Row]]) -> Steps[str]:
    """Return the person's key; of an offer what stands, young from now on.

    That is ours, an old one, or another's that was first.

    Args:
        wrapped: From ``proven``, as ``offer`` is.
        offer: (): there is a key.
        told: What the offer was answered: () where it is to be asked yet.
    """
    if not offer:
        return wrapped
    (((stands,),),) = told or (yield offer)
    return str(stands)


def sealed(record: Record, sealing: Sealing | None, wrapped: str, settled: Settled | None) -> Record:
    """Return the record with what it says, sealed under the person's key."""
    if sealing is None:
        return record
    message = sealing.seal_message(wrapped) if sealing.seal_message else ""
    return replace(record, sealed=sealing.seal(wrapped, settled), message=message)


def person_keys(person: str) -> Steps[tuple[str, ...]]:
    """Every key of this person, newest first."""
    return tuple(str(wrapped) for (wrapped,) in (yield sql.FIND_PERSON_KEYS, {"person": person}))


def keep_record(record: Record, *, claim: Claim | None, sealing: Sealing | None) -> Steps[None]:
    """Give a record without a person its place in the ring; one with a person has a row of its own.

    Raises:
        AssertionRefused: ``signin.replayed``.
    """
    if proof := prove(record, claim, sealing):
        wrapped, offer = proven(record, claim, sealing, iter((yield proof)))
        wrapped = yield from agree_key(wrapped, offer, ())
        record = sealed(record, sealing, wrapped, None)
    place = yield from place_of(record)
    yield sql.KEEP_RECORD, rows.record_values(record, place)
    if trims(record) and (trim := trimming(record)):
        yield trim
    yield from messages.keep(record)


def place_of(record: Record) -> Steps[int | None]:
    """Return the next place in the ring; None where the record has a row of its own."""
    if record.person:
        return None
    ((place,),) = yield sql.NEXT_PLACE, {"name": "decision_record", "size": RING}
    return int(place)


def trimming(record: Record) -> rows.Together:
    """Return what makes room among the records of this person; () where there is nothing to make."""
    if not record.person:  # the ring has a place for each
        return ()
    whose = {"person": record.person, "organization_id": record.organization}
    return ((sql.TRIM_RECORDS, {**whose, "kept": RECORDS_OF_PERSON}),)


def trims(record: Record) -> bool:
    """Tell whether this attempt pays for sixteen; its reference is ours, drawn at random."""
    return rows.digest(record.reference)[0] < 16  # noqa: PLR2004  of 256


def find_record(reference: str) -> Steps[Record | None]:
    """One read by primary key."""
    found = yield sql.FIND_RECORD, {"reference": storable(reference)}
    return rows.record(found[0]) if found else None
