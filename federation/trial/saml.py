"""What a SAML response tells on trial. Pure."""

import hashlib
from datetime import datetime
from typing import Literal

from federation import registry
from federation.connectors.contract import Callback
from federation.errors import AssertionRefused, Check, ConfigurationError
from federation.identity import VerifiedAssertion
from federation.saml import anatomy, bindings, certificates, profile, service_provider
from federation.saml.certificates import VerificationKey
from federation.saml.metadata import IdentityProvider
from federation.saml.service_provider import Said
from federation.saml.xml import SUCCESS
from federation.trial.evidence import Evidence, clock, iso, places
from federation.trial.report import Document, Key, Piece

_BY_KEY = ("saml.response_key:", "saml.assertion_key:")


def tell(  # noqa: PLR0913  each is one value of the sign-in
    entry: registry.Saml,
    idp: IdentityProvider,
    callback: Callback,
    *,
    request_id: str | Literal[profile.Unsolicited.UNSOLICITED],
    asked_at: datetime | None,
    verified: VerifiedAssertion | None,
    asked: tuple[Check, ...],
    now: datetime,
) -> Evidence:
    """Say what the answer says, and what each rule says of it.

    Args:
        entry: The connection.
        idp: Its identity provider, as known.
        callback: The answer.
        request_id: Of our AuthnRequest; or there was none.
        asked_at: When it was sent; None likewise.
        verified: What came of it; None where it was refused.
        asked: What its refusal says was asked; () of one before the signature.
        now: When it came, UTC.
    """
    endpoints = places(_endpoints(entry, idp))
    known = tuple(_key(one, now, used=False) for one in idp.keys)
    try:
        document = bindings.decode_post(callback.params.get("SAMLResponse", ""))
    except AssertionRefused:
        return Evidence(endpoints=endpoints, keys=known)
    want = profile.Expected(
        idp=idp,
        terms=entry.terms,
        acs_url=entry.acs_urls.get(callback.path, entry.acs_url),
        request_id=request_id,
        asked_at=asked_at,
        legacy=entry.connection.excepted(now.date()),
        now=now,
    )
    checks = asked if verified is None else verified.checks
    if not checks:
        checks = service_provider.explain(
            document,
            idp=idp,
            terms=entry.terms,
            acs_url=want.acs_url,
            request_id=Said.NOT_KNOWN if request_id is profile.Unsolicited.UNSOLICITED else request_id,
            legacy=want.legacy,
            decryption_keys=entry.decryption_keys,
            now=now,
        )
    plain = service_provider.opened(document, want, decryption_keys=entry.decryption_keys)
    read = anatomy.read(document, want, plain=plain)
    pieces = tuple(Piece(text=one.text, signed=one.signed) for one in read.segments)
    return Evidence(
        checks=checks,
        pairs=read.pairs,
        said_there=_said(read),
        documents=(Document(name="SAMLResponse", pieces=pieces),),
        keys=_keys(idp, read, checks, now),
        algorithms=read.algorithms,
        clocks=() if read.issued_at is None else (clock("IssueInstant", read.issued_at, now),),
        endpoints=endpoints,
    )


def _said(read: anatomy.Anatomy) -> tuple[str, ...]:
    if read.status[:1] == (SUCCESS,):
        return ()
    return tuple(one for one in (*read.status, read.status_message) if one)


def _keys(
    idp: IdentityProvider, read: anatomy.Anatomy, checks: tuple[Check, ...], now: datetime
) -> tuple[Key, ...]:
    """Return the keys that we know, and those that the message carries and we do not."""
    used = {one.code.partition(":")[2] for one in checks if one.code.startswith(_BY_KEY)}
    known = {one.fingerprint: _key(one, now, used=one.fingerprint in used) for one in idp.keys}
    for certificate in dict.fromkeys(read.certificates):
        fingerprint = hashlib.sha256(certificate).hexdigest()
        if fingerprint not in known:
            known[fingerprint] = _stranger(certificate, fingerprint, now)
    return tuple(known.values())


def _key(key: VerificationKey, now: datetime, *, used: bool) -> Key:
    return Key(
        name="",
        fingerprint=key.fingerprint,
        algorithm=certificates.describe(key),
        not_after=iso(key.not_after),
        expired=key.not_after <= now,
        used=used,
    )


def _stranger(certificate: bytes, fingerprint: str, now: datetime) -> Key:
    try:
        read = certificates.read_key(certificate)
    except ConfigurationError:
        return Key(name="", fingerprint=fingerprint, known=False)
    return Key(
        name="",
        fingerprint=fingerprint,
        algorithm=certificates.describe(read),
        not_after=iso(read.not_after),
        expired=read.not_after <= now,
        known=False,
    )


def _endpoints(entry: registry.Saml, idp: IdentityProvider) -> dict[str, str]:
    return {
        "entity_id": entry.sp_entity_id,
        "acs_url": entry.acs_url,
        "idp_entity_id": idp.entity_id,
        "sso_redirect_url": idp.sso_redirect_url,
        "sso_post_url": idp.sso_post_url,
        "slo_redirect_url": idp.slo_redirect_url,
        "slo_post_url": idp.slo_post_url,
        "metadata_url": entry.metadata_url,
    }
