"""A service account's key file, as Google makes them; its key is made here and now."""

import json
from functools import cache
from typing import Any

from joserfc.jwk import RSAKey

EMAIL = "groups@acme.iam.gserviceaccount.example"
SUBJECT = "groups-reader@acme.example"


@cache
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


def key_file(**other: Any) -> str:
    """The file's text; None leaves a member out."""
    told = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "k-7",
        "private_key": key().as_pem(private=True).decode(),
        "client_email": EMAIL,
        "client_id": "112233",
        "token_uri": "https://evil.example/token",  # never asked
        **other,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None})
