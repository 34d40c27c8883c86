"""Strict JSON: what a provider sends is one thing to every reader, and never much work."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.oidc import documents
from federation.oidc.documents import DEPTH, VALUES


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


UNREADABLE = {
    "nothing": b"",
    "a list": b"[]",
    "a string": b'"a"',
    "null": b"null",
    "two documents": b"{}{}",
    "a comment": b"{}//",
    "a BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "no UTF-8": b'{"a":"\xff"}',
    "a name twice": b'{"a":1,"a":1}',
    "a name twice, spelled otherwise": b'{"a":1,"\\u0061":2}',
    "a name twice within": b'{"x":[{"a":1,"a":2}]}',
    "NaN": b'{"a":NaN}',
    "-Infinity": b'{"a":-Infinity}',
    "beyond a double": b'{"a":1e999}',
    "a number of many digits": b'{"a":' + b"9" * 5000 + b"}",
    "NUL": b'{"a":"\\u0000"}',
    "NUL in a name": b'{"\\u0000":1}',
    "half a pair": b'{"a":"\\ud800"}',
    "half a pair, in capitals": b'{"a":"\\uDFFF"}',
    "half a pair in a name": b'{"x":{"\\udfff":1}}',
    "a level too many": nested(DEPTH),
    "far too deep": b'{"a":' + b"[" * 100_000,
    "an item too many": json.dumps({"a": [0] * VALUES}).encode(),
    "objects too many": b'{"a":[' + b"{}," * VALUES + b"{}]}",
    "names too many": json.dumps({str(i): 0 for i in range(VALUES + 1)}).encode(),
    "numbers too many": b'{"a":[' + b"1.5," * 250_000 + b"1]}",
    "lists too many": b'{"a":[' + b"[]," * 340_000 + b"[]]}",
    "too many all in all": json.dumps({"a": [[0] * 100] * (VALUES // 100)}).encode(),
}


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_document_of_ours_to_read(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[a-zA-Z ]+$|digits") as caught:
        documents.read_object(document)
    assert "9999" not in str(caught.value)


@pytest.mark.parametrize("one", [b"1.5", b"[]", b"{}", b'""', b"1"])
@pytest.mark.alone
def test_a_document_of_too_much_costs_next_to_nothing(one: bytes) -> None:
    """A MiB of numbers held every other person up for half a second."""
    document = b'{"a":[' + (one + b",") * (1024 * 1024 // (len(one) + 1) - 8) + b"0]}"
    start = time.process_time()
    with pytest.raises(ValueError, match="too many"):
        documents.read_object(document)
    assert time.process_time() - start < 0.1


def test_what_just_fits() -> None:
    assert documents.read_object(nested(DEPTH - 1))
    assert documents.read_object(json.dumps({"a": [0] * (VALUES - 1)}).encode())
    assert documents.read_object('{"😀":"\\ud83d\\ude00","b":1.5,"c":null}'.encode()) == {
        "😀": "😀", "b": 1.5, "c": None,
    }  # fmt: skip


def test_a_list_of_objects_is_held_to_the_same() -> None:
    assert documents.read_objects(b'[{"a":1},{}]') == [{"a": 1}, {}]
    for document in (b"{}", b"[1]", b'[{"a":1,"a":2}]', b"[[]]", b"["):
        with pytest.raises(ValueError, match=r"[a-z]"):
            documents.read_objects(document)


@given(st.binary(max_size=80))
def test_nothing_but_a_value_error(document: bytes) -> None:
    try:
        documents.read_object(document)
    except ValueError:
        return
    json.loads(document)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("a,[{\0\ud800é", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab,[", max_size=2), inner, max_size=3)
    ),
)


@given(VALUE, st.integers(0, DEPTH + 1), st.booleans())
def test_what_is_not_walked_would_have_passed(value: object, levels: int, escaped: bool) -> None:  # noqa: FBT001
    for _ in range(levels):
        value = {"a": value}
    document = json.dumps({"a": value}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        parsed = documents.read_object(document)
    except ValueError:
        return
    assert parsed == {"a": value}
    documents._sound(parsed, DEPTH, VALUES)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [("Application/JSON ; charset=x", "application/json"), ("", ""), (";", ""), ("text/html", "text/html")],
)
def test_a_media_type_is_without_its_parameters(content_type: str, expected: str) -> None:
    assert documents.media_type(content_type) == expected
