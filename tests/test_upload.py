"""Forms with a file in them: as browsers write them, and nothing else."""

import pytest

from federation.errors import RequestRefused
from federation.web import upload

BOUNDARY = b"----WebKitFormBoundaryx"


def part(name: str, value: bytes, more: str = "") -> bytes:
    return b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        BOUNDARY, name.encode(), more.encode(), value,
    )  # fmt: skip


END = b"--" + BOUNDARY + b"--\r\n"
FILE = '; filename="metadata.xml"\r\nContent-Type: text/xml'


def test_fields_and_a_file_are_read() -> None:
    body = part("csrf", b"abc") + part("file", b"<a>\r\n\xc3\xa9\r\n--b</a>", FILE) + part("empty", b"") + END
    told = {"csrf": "abc", "file": "<a>\r\n\u00e9\r\n--b</a>", "empty": ""}
    assert upload.parse(body, BOUNDARY) == told


def test_a_mark_of_byte_order_is_no_text() -> None:
    assert upload.parse(part("file", b"\xef\xbb\xbf<a/>", FILE) + END, BOUNDARY) == {"file": "<a/>"}


FAULTS = [
    ("form.repeated", part("a", b"1") + part("a", b"2") + END),
    ("form.malformed", b""),
    ("form.malformed", part("a", b"1")),  # no end
    ("form.malformed", b"before\r\n" + part("a", b"1") + END),
    ("form.malformed", part("a", b"1") + END + b"after"),
    ("form.malformed", part("a", b"\xff") + END),
    ("form.malformed", part("", b"1") + END),
    ("form.malformed", part("A[]", b"1") + END),
    ("form.malformed", b"--" + BOUNDARY + b"\r\n\r\n1\r\n" + END),  # which field?
    ("form.malformed", b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="a"\r\n' + END),
    ("form.malformed", part("a", b"1", "\r\nContent-Disposition: form-data; name=b") + END),
    ("form.malformed", part("a", b"1", "\r\nX: " + "y" * 2000) + END),
    ("form.malformed", b"".join(part(f"a{number}", b"1") for number in range(40)) + END),
]


@pytest.mark.parametrize(("code", "body"), FAULTS)
def test_whatever_else_is_refused(code: str, body: bytes) -> None:
    with pytest.raises(RequestRefused, match=f"^{code}: "):
        upload.parse(body, BOUNDARY)
