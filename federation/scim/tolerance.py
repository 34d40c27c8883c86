"""How far requests may depart from RFC 7643 and 7644, and what is too much of anything.

What the library tolerates by itself stands in POLICY; ``dialect`` mends the rest before it reads.
"""

from typing import Final

from scim2_models import AttributeBinding, ScimPolicy

from federation.rules.folding import fold

OPERATIONS: Final = 1_000  # of one PATCH of a Group, or one bulk request
USER_OPERATIONS: Final = 200  # of one PATCH of a User: each takes 0.4 ms; Okta and Entra send fewer than 50
EFFORT: Final = 4_000  # entries that a PATCH has the library look at, but for one operation
WHOLE_OPERATIONS: Final = 20  # of one PATCH of a Group that needs all of its members for each
BULK_SIZE: Final = 4 * 1024 * 1024  # octets of a bulk request
RESULTS: Final = 1_000  # resources on a page: Okta asks for 100, Entra for up to 1,000
PAGE: Final = 100  # where the client does not say
CURSOR_LIFE: Final = 3_600  # seconds

MEMBERS: Final = 100_000  # in one value
BULK_OPERATIONS: Final = 5_000  # of all PATCHes in a bulk request
BULK_MEMBERS: Final = 5_000  # in all operations of a bulk request, which the library reads one by one
ENTRIES: Final = 500  # of any other list, and of all those of a User: each takes 0.1 ms
INDEXED: Final = 512  # characters of what is found by an index: PostgreSQL's takes 2,700 octets
TEXT: Final = 8_192  # characters of any other text
BINARY: Final = 65_536  # characters of a certificate in base64
USER_SIZE: Final = 131_072  # characters of a User resource: it is kept with every session of theirs

FILTER: Final = 4_096  # characters: 20 ms of parsing
PATH: Final = 1_024
TAGS: Final = 1_024  # characters of If-Match or If-None-Match
ATTRIBUTES: Final = 200  # names in attributes or excludedAttributes
QUERY: Final = 16_384  # characters of any other parameter of a search
INDEX: Final = 1_000_000_000  # the last place that a page may start at
NAMED: Final = 20  # unknown attributes of one request that are told of

_READING = {
    "unknown": ScimPolicy.Unknown.ignore,
    "remove_value_as_filter": ScimPolicy.RemoveValue.apply,
    "unmatched_path_filter": ScimPolicy.UnmatchedPathFilter.create,
}


def _comparable(binding: AttributeBinding, value: str) -> str:
    """Compare as the store's indexes do."""
    return value if binding.case_exact else fold(value)


# What requests are read under.
POLICY: Final = ScimPolicy(**_READING)
# What filters and orders are evaluated under: of two texts the store and we say the same. Not what requests
# are read under: with a key of its own the library asks every text of a resource once more, for 4 ms.
COMPARING: Final = ScimPolicy(**_READING, comparison_key=_comparable)
