"""One reader for queries and forms: each field once, small, well-formed."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from federation.errors import RequestRefused
from federation.web import fields

LIMIT = 1000
FORM = "application/x-www-form-urlencoded"

BAD = [
    # rule               octets
    ("form.repeated",    b"state=a&state=b"),
    ("form.repeated",    b"state=a&st%61te=a"),
    ("form.repeated",    b"state=&state="),
    ("form.malformed",   b"state=%ff"),
    ("form.malformed",   "state=é".encode()),
    ("form.malformed",   b"&".join(b"f%d=" % n for n in range(fields.FIELDS + 1))),
    ("form.too_large",   b"state=" + b"a" * LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("code", "octets"), BAD)
def test_malformed_fields_are_refused(code: str, octets: bytes) -> None:
    with pytest.raises(RequestRefused) as refusal:
        fields.parse(octets, limit=LIMIT)
    assert refusal.value.code == code


def test_what_a_browser_sends_is_read() -> None:
    read = fields.parse(b"state=a+b%2Bc&empty=&name=Zo%C3%AB;&bare", limit=LIMIT)
    assert read == {"state": "a b+c", "empty": "", "name": "Zoë;", "bare": ""}


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        read = fields.parse(octets, limit=LIMIT)
    except RequestRefused:
        return
    assert all(isinstance(value, str) for value in read.values())


FORMS = st.lists(st.sampled_from([*"+%&=2BbFfD3a ", "%2B", "%2F", "%3D", "%25", "%C3%AB", "%ff"])).map(
    "".join
)


@given(FORMS)
def test_fields_are_decoded_as_the_standard_library_does(form: str) -> None:
    try:
        theirs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=fields.FIELDS)
        expected: str | dict[str, str] = dict(theirs) if len(dict(theirs)) == len(theirs) else "form.repeated"
    except ValueError:
        expected = "form.malformed"
    try:
        ours: str | dict[str, str] = dict(fields.parse(form.encode(), limit=LIMIT))
    except RequestRefused as refusal:
        ours = refusal.code
    assert ours == expected


async def test_a_browser_that_leaves_in_the_middle_is_told_from_the_end_of_its_body() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "headers": [(b"content-type", FORM.encode())]}, gone)
    with pytest.raises(ClientDisconnect):
        await fields.read_form(request)


class Body:
    """A request body in chunks that counts how many were asked for."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return {"type": "http.request", "body": self.chunks.pop(0), "more_body": bool(self.chunks)}


class Drip(Body):
    """A body that never ends, and is never silent for long."""

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"a", "more_body": True}


class Silence(Body):
    """A body that never comes."""

    async def __call__(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError


def post(body: Body, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw, "query_string": b"x=query"}, body)


async def test_the_form_is_the_body_and_not_the_query() -> None:
    request = post(Body(b"a=1&", b"b=2"), content_type=FORM + "; charset=UTF-8")
    assert await fields.read_form(request) == {"a": "1", "b": "2"}


async def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    body = Body(b"a=1")
    with pytest.raises(RequestRefused, match=r"^form\.too_large: "):
        await fields.read_form(post(body, content_type=FORM, content_length="10485760"))
    assert body.asked == 0


async def test_a_body_that_grows_too_large_is_refused_before_its_end() -> None:
    body = Body(*[b"a" * 65536] * 160)  # 10 MB
    with pytest.raises(RequestRefused, match=r"^form\.too_large: "):
        await fields.read_form(post(body, content_type=FORM))
    assert body.asked == fields.BODY_LIMIT // 65536 + 1


@pytest.mark.parametrize("body", [Drip(), Silence()])
async def test_a_body_has_one_deadline_for_all_of_it(body: Body) -> None:
    with pytest.raises(RequestRefused, match=r"^form\.too_slow: "):
        await fields.read_form(post(body, content_type=FORM), deadline=0.05)


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "٣"])
async def test_a_content_length_that_is_no_number_is_refused(length: str) -> None:
    raw = [(b"content-type", FORM.encode()), (b"content-length", length.encode("latin-1", "replace"))]
    request = Request({"type": "http", "method": "POST", "headers": raw, "query_string": b""}, Body(b""))
    with pytest.raises(RequestRefused, match=r"^form\."):
        await fields.read_form(request)


@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "application/json", ""])
async def test_other_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(RequestRefused, match=r"^form\.malformed: "):
        await fields.read_form(post(Body(b"a=1"), content_type=media_type))


@pytest.mark.parametrize("sent", [{}, {"a": ""}, {"b": "1"}])
def test_a_needed_field_must_be_there(sent: dict[str, str]) -> None:
    with pytest.raises(RequestRefused, match=r"^form\.missing: "):
        fields.needed(sent, "a")
