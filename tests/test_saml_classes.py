"""Which attack is tried where: every class of attack on a SAML service provider, and its cases.

A class without a case, or a case that is gone, fails. Cases are rows of the tables of attacks, or
tests by file and name.
"""
# ruff: noqa: E501 (one class, one line)

import ast
from functools import cache
from pathlib import Path

import pytest
from test_saml_attacks import ATTACKS, BORROWED, HOSTILE
from test_saml_encryption_faults import FAULTS as ENCRYPTION
from test_saml_encryption_faults import PART_FAULTS
from test_saml_encryption_trust import CONFUSED
from test_saml_logout import BOTH, REQUESTS, RESPONSES, SIGNATURES
from test_saml_metadata import FAULTS as METADATA
from test_saml_profile import FAULTS as PROFILE

from federation.demo.saml_wrapping import WRAPPINGS

HERE = Path(__file__).parent
TABLES: dict[str, set[str]] = {
    "attack": {row[0] for row in ATTACKS},
    "hostile": set(HOSTILE),
    "borrowed": set(BORROWED),
    "wrap": set(WRAPPINGS),
    "encryption": {row[0] for row in (*ENCRYPTION, *PART_FAULTS, *CONFUSED)},
    "profile": {code for code, _ in PROFILE},
    "logout": {str(row[0]) for row in (*BOTH, *REQUESTS, *RESPONSES, *SIGNATURES)},
    "metadata": {row[0] for row in METADATA},
}
_ALL_WRAPPINGS = "test_saml_attacks::test_wrapping_is_refused"
_HIDDEN_WRAPPINGS = "test_saml_attacks::test_wrapping_inside_what_is_encrypted_is_refused"

CLASSES: dict[str, dict[str, tuple[str, ...]]] = {
    "wrapping and exclusion": {
        "signature removed": ("attack: no signature", "encryption: nobody signed", "test_saml_signature::test_without_signatures_nothing_verifies"),
        "signature empty": ("attack: empty signature", "encryption: an empty signature inside", "test_saml_attacks::test_an_empty_signature_value_is_no_signature"),
        "signature in another namespace": ("attack: signature in a look-alike namespace",),
        "no key is known": ("test_saml_signature::test_without_keys_nothing_verifies", "metadata: saml.metadata_no_key"),
        "not signed as the connection asks": ("profile: saml.signed", "test_saml_encryption_trust::test_the_policy_of_signatures_holds_for_what_is_encrypted"),
        "wrapping 1": ("wrap: xsw1", _ALL_WRAPPINGS),
        "wrapping 2": ("wrap: xsw2", _ALL_WRAPPINGS),
        "wrapping 3": ("wrap: xsw3", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "wrapping 4": ("wrap: xsw4", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "wrapping 5": ("wrap: xsw5", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "wrapping 6": ("wrap: xsw6", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "wrapping 7": ("wrap: xsw7", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "wrapping 8": ("wrap: xsw8", _ALL_WRAPPINGS, _HIDDEN_WRAPPINGS),
        "the signature that stands first": ("attack: Signature in Extensions", "attack: Signature in StatusDetail", "attack: Signature in Subject", "attack: Signature in AttributeValue", "attack: Signature in KeyInfo", "attack: Signature in a Signature", "test_saml_attacks::test_the_assertions_signature_does_not_count_for_the_response"),
        "an unsigned sibling": ("wrap: xsw3", "wrap: sibling-after", "test_saml_encryption_faults::test_an_encrypted_assertion_stands_alone"),
        "hidden in Extensions": ("wrap: original-in-extensions", "wrap: xsw7", "attack: Assertion in Extensions", "test_saml_encryption_faults::test_an_encrypted_assertion_is_looked_for_where_assertions_stand"),
        "a borrowed signature": ("wrap: borrowed-signature", "borrowed: a failed sign-in", "borrowed: a logout", "borrowed: metadata", "borrowed: an Assertion about somebody else", "test_saml_attacks::test_a_signature_over_something_else_lends_nothing"),
        "a decoy signature": ("wrap: decoy-signature",),
        "several roots": ("attack: several documents", "encryption: something comes out twice"),
        "a Response in a Response": ("wrap: nested-response", "encryption: a Response deeper inside"),
        "nested in Advice": ("wrap: original-in-advice", "encryption: an Assertion deeper inside"),
        "nested in AttributeValue": ("wrap: original-in-attribute-value", "attack: Assertion in AttributeValue"),
        "nested in StatusDetail": ("wrap: original-in-status-detail", "attack: Assertion in StatusDetail"),
        "nested in SubjectConfirmationData": ("wrap: original-in-confirmation-data", "attack: Assertion in SubjectConfirmationData"),
        "nested in Object": ("wrap: xsw8", "attack: Assertion in Object"),
        "nested in KeyInfo": ("wrap: original-in-key-info", "attack: Assertion in KeyInfo"),
    },
    "identity and parsers": {
        "two parsers": ("attack: DTD", "attack: DTD, lower case", "attack: declared UTF-16", "attack: declared UTF-7", "attack: XML 1.1"),
        "identifiers in other attributes": ("attack: xml:id", "attack: prefixed ID", "attack: Id", "attack: id", "attack: Id with space before the sign", "encryption: xml:id comes out"),
        "identifiers that are none": ("attack: Assertion without ID", "attack: Assertion with an empty ID", "attack: Response without ID", "attack: ID that is no name", "encryption: no ID inside", "encryption: no ID outside"),
        "namespaces moved under a prefix": ("attack: signed NameID moved to another namespace", "attack: signature in a look-alike namespace", "encryption: another namespace's Assertion"),
        "canonicalization that yields nothing": ("attack: relative namespace", "attack: relative namespace, other quotes", "encryption: a relative namespace inside", "test_saml_signature::test_void_canonicalization_is_no_content"),
        "several SignedInfo": ("attack: two SignedInfo", "attack: further child of SignedInfo"),
        "more in DigestValue than a digest": ("attack: comment in DigestValue", "attack: element in DigestValue"),
        "comments in values": ("test_saml_attacks::test_a_comment_in_a_name_changes_nothing", "test_saml_attacks::test_a_comment_in_a_longer_name_does_not_shorten_it", "test_saml_encryption_trust::test_a_name_is_read_whole"),
        "instructions in values": ("attack: instruction in NameID", "encryption: an instruction comes out"),
        "CDATA in values": ("test_saml_attacks::test_cdata_is_text", "test_saml_encryption_trust::test_a_name_is_read_whole"),
        "elements in values": ("attack: element in NameID", "encryption: an element inside"),
        "written again and read otherwise": ("test_saml_signature::test_only_what_was_digested_is_read", "test_saml_fuzz::test_changed_messages_are_refused_or_unchanged_in_meaning"),
        "DTD and entities": ("attack: DTD", "attack: entity of a DTD", "encryption: a DTD comes out", "metadata: saml.metadata_unreadable"),
        "XInclude, schemaLocation, stylesheet": ("attack: stylesheet instruction", "test_saml_xml::test_nothing_external_is_read"),
    },
    "signature processing": {
        "a key or certificate in KeyInfo": ("attack: another key, its certificate in KeyInfo", "attack: KeyValue in KeyInfo", "encryption: signed by another key inside", "encryption: signed by another key outside", "encryption: signed by another key in both places"),
        "HMAC with the public key": ("attack: HMAC",),
        "an algorithm that is unknown or missing": ("attack: no algorithm", "attack: another method than was signed", "attack: ECDSA method, RSA key", "test_saml_signature::test_the_allow_list_is_the_whole_list"),
        "SHA-1": ("attack: RSA-SHA1", "attack: SHA-1 digest", "encryption: SHA-1 inside", "test_saml_signature::test_sha1_is_an_exception_by_name"),
        "MD5": ("attack: MD5 digest", "test_saml_signature::test_the_exception_lets_nothing_else_in"),
        "truncated HMAC": ("attack: truncated HMAC",),
        "DSA and weak keys": ("attack: DSA", "test_saml_signature::test_dsa_keys_are_refused", "test_saml_signature::test_weak_keys_are_refused"),
        "XSLT": ("attack: XSLT",),
        "XPath": ("attack: XPath",),
        "base64": ("attack: base64",),
        "transforms missing, many or out of order": ("attack: no transforms", "attack: enveloped only", "attack: exclusive only", "attack: the other way round", "attack: many transforms", "attack: inclusive C14N", "attack: child in a transform"),
        "prefixes that are looked up": ("attack: many prefixes", "attack: no PrefixList", "attack: child of the prefixes"),
        "another canonicalization": ("attack: inclusive C14N of SignedInfo", "attack: C14N with comments", "attack: other child in CanonicalizationMethod"),
        "external references": ("attack: external URI", "attack: file URI"),
        "RetrievalMethod": ("attack: RetrievalMethod",),
        "Manifest and Object": ("attack: Manifest", "attack: Object"),
        "no one element": ("attack: empty URI", "attack: no URI", "attack: xpointer"),
        "another element": ("attack: another element's ID", "encryption: inside refers to nothing"),
        "several references": ("attack: two References", "attack: two hundred References", "attack: no Reference"),
        "identifiers twice": ("attack: one ID twice", "wrap: same-id", "encryption: an identifier twice"),
        "another identity provider's key": ("test_saml_attacks::test_another_idps_key_is_another_idps", "profile: saml.issuer", "test_web_journey::test_another_connections_answer"),
        "changed behind the signature": ("attack: value changed", "attack: value added", "attack: text behind the signature changed", "attack: Response changed", "encryption: signed inside, then changed", "encryption: signed outside, inside changed"),
    },
    "encryption": {
        "anybody can encrypt to us": ("encryption: nobody signed", "encryption: signed by another key inside", "encryption: ciphertext of another message"),
        "the plaintext is a foreign document": ("encryption: a DTD comes out", "encryption: an instruction comes out", "encryption: another encoding comes out", "encryption: an identifier twice", "encryption: more than 20,000 tags", "encryption: deep", "encryption: text comes out", "encryption: a prefix without declaration", "encryption: an Assertion and text"),
        "its signature is held to the same rules": ("encryption: an empty signature inside, signed outside", "encryption: a signature deeper inside", "encryption: inside refers to nothing", _HIDDEN_WRAPPINGS),
        "its statements are held to the same rules": ("encryption: another audience", "encryption: another audience, signed outside", "encryption: another recipient", "encryption: another request", "encryption: expired", "encryption: another issuer"),
        "verified before it is decrypted": ("test_saml_encryption_faults::test_a_signature_is_asked_before_anything_is_decrypted", "test_saml_xml::test_explain_tells_only_what_was_asked"),
        "padding oracle of CBC": ("test_saml_encryption::test_weak_algorithms_are_exceptions_by_name", "test_saml_encryption_faults::test_a_chained_cipher_answers_no_questions_about_its_plaintext"),
        "padding oracle of RSA 1.5": ("encryption: RSA 1.5", "test_saml_encryption_faults::test_a_key_that_does_not_unwrap_reads_as_one_that_does"),
        "3DES": ("encryption: 3DES", "test_saml_encryption::test_weak_algorithms_are_exceptions_by_name"),
        "one error for all": ("test_saml_encryption_faults::test_every_decryption_failure_reads_the_same",),
        "tag cut short": ("encryption: tag cut to 12 octets", "encryption: no tag"),
        "ciphertext changed": ("encryption: initialization vector changed", "encryption: ciphertext changed", "encryption: tag changed", "encryption: encrypted key changed", "encryption: encrypted key cut"),
        "several EncryptedKeys": ("encryption: two EncryptedKeys", "encryption: two EncryptedKeys beside", "encryption: inside and beside"),
        "CipherReference": ("encryption: CipherReference for the data", "encryption: CipherReference for the key", "encryption: value and reference"),
        "remote RetrievalMethod": ("encryption: remote RetrievalMethod", "encryption: RetrievalMethod into a file", "encryption: RetrievalMethod to another ID", "encryption: RetrievalMethod with transforms"),
        "nested encryption": ("encryption: ciphertext comes out", "encryption: data comes out", "encryption: ciphertext deeper inside", "encryption: key in the key", "encryption: an EncryptedID", "encryption: an EncryptedID inside"),
        "Type Content": ("encryption: Type Content", "encryption: Type of something else", "encryption: empty Type"),
        "a Response comes out": ("encryption: a Response comes out", "encryption: a Response deeper inside"),
        "out of place": ("encryption: an EncryptedID out of place inside", "test_saml_encryption_faults::test_an_encrypted_part_stands_in_its_place"),
    },
    "profile": {
        "status": ("profile: saml.status", "attack: failure with an assertion", "attack: no Status", "attack: two Status", "attack: two StatusCodes"),
        "destination and recipient": ("profile: saml.destination", "profile: saml.recipient"),
        "audience": ("profile: saml.audience",),
        "time": ("profile: saml.not_yet_valid", "profile: saml.expired", "profile: saml.confirmation_expired", "profile: saml.issue_instant", "profile: saml.session_expired", "attack: local time", "attack: time with an offset", "attack: foreign digits"),
        "confirmation method": ("profile: saml.confirmation", "test_saml_profile::test_another_methods_data_does_not_help", "test_saml_profile::test_halves_of_two_confirmations_do_not_add_up"),
        "the request that it answers": ("profile: saml.in_response_to", "profile: saml.response_in_response_to", "test_web_journey::test_used_twice", "test_web_journey::test_another_browsers_answer"),
        "replay": ("test_store_claims::test_of_twenty_presentations_one_counts", "test_web_journey::test_one_assertion_opens_one_session_though_two_sign_ins_wait"),
        "issuer": ("profile: saml.issuer", "profile: saml.response_issuer"),
        "parts given twice": ("attack: two Subjects", "attack: two NameIDs", "attack: two Conditions", "attack: two Issuers", "attack: nameless Attribute"),
        "two values of the identifier": ("profile: saml.subject_attribute",),
        "unknown condition": ("profile: saml.condition", "attack: unknown condition"),
        "version": ("profile: saml.version", "attack: another version"),
    },
    "identity, tenants, browser": {
        "people of another tenant": ("test_policy_domains::test_one_fault_is_refused_by_its_rule", "test_web_journey::test_a_domain_that_is_not_the_connections"),
        "look-alike names": ("test_identity::test_look_alikes_are_two_people", "test_identity::test_anything_else_is_no_address", "test_saml_subject::test_two_people_never_share_a_key"),
        "identity provider mix-up": ("test_web_journey::test_another_connections_answer",),
        "login CSRF": ("test_web_journey::test_another_browsers_answer", "test_web_journey::test_an_answer_without_a_sign_in", "test_saml_journey::test_by_default_nobody_is_let_in_uninvited"),
        "session fixation": ("test_web_journey::test_signing_in_again_gives_a_new_session_and_keeps_the_user", "test_web_cookies::test_only_the_host_prefixed_name_counts_on_https"),
        "RelayState as a target": ("test_signin::test_everything_else_is_refused", "test_signin::test_no_text_leads_to_another_host"),
        "what a refusal shows": ("test_web_pages::test_no_inline_style_or_script_and_nothing_unescaped", "test_saml_attacks::test_details_before_the_signature_hold_no_value", "test_attacks::test_a_message_does_not_speak_to_the_terminal"),
        "a stolen key of the IdP": ("test_saml_signature::test_each_signature_names_its_certificate", "test_saml_changes::test_a_change_is_said"),
    },
    "logout and redirect": {
        "unsigned": ("logout: saml.query_unsigned", "logout: saml.unsigned"),
        "signed octets written again": ("test_saml_logout::test_escapes_as_adfs_writes_them_survive", "test_saml_bindings::test_the_octets_that_were_signed_stay_as_they_came"),
        "parameters twice": ("test_saml_logout::test_a_parameter_sent_twice_is_refused", "test_saml_bindings::test_redirect_refuses"),
        "algorithms": ("logout: saml.algorithm", "test_saml_bindings::test_a_weak_algorithm_is_read_where_it_is_excepted"),
        "another's message": ("test_saml_logout::test_a_message_of_another_kind_by_the_same_key_is_no_logout", "test_saml_logout::test_a_borrowed_signature_inside_is_none_of_ours"),
        "its own profile": ("test_saml_logout::test_one_fault_of_a_request_is_refused_by_its_rule", "test_saml_logout::test_one_fault_of_a_response_is_refused_by_its_rule", "test_saml_logout::test_every_rule_has_a_fault"),
        "replay": ("test_logout::test_a_request_counts_once", "test_logout::test_an_answer_counts_once_and_for_its_browser"),
        "somebody else's sessions": ("test_logout::test_only_the_named_session_ends", "test_logout::test_another_provider_cannot_end_what_is_not_its_own"),
        "inflation without end": ("test_saml_cost::test_what_inflates_without_end_is_refused_early",),
    },
    "exhaustion": {
        "size": ("test_saml_xml::test_a_document_with_two_readings_is_refused", "test_saml_cost::test_refusing_costs_little"),
        "tags": ("hostile: siblings",),
        "attributes": ("hostile: attributes", "test_saml_xml::test_wide_elements_are_refused"),
        "namespaces": ("hostile: declarations", "test_saml_xml::test_namespaces_that_canonicalization_would_multiply_are_refused", "test_attacks::test_namespaces_do_not_swell_under_canonicalization"),
        "depth": ("hostile: depth", "test_saml_xml::test_deep_documents_are_refused"),
        "signatures": ("hostile: signatures",),
        "work for a signature that is not over it": ("test_saml_attacks::test_a_replayed_signature_around_a_hostile_tree_costs_little",),
        "decryption": ("test_saml_encryption_trust::test_a_hostile_plaintext_costs_little", "test_saml_encryption_trust::test_hostile_ciphertext_costs_little", "test_saml_encryption_trust::test_a_part_is_opened_no_further_than_the_first_that_does_not", "test_saml_encryption_faults::test_more_parts_than_anybody_needs_are_refused"),
        "base64 and fields": ("test_saml_bindings::test_post_never_raises_anything_else", "test_web_fields::test_a_body_that_grows_too_large_is_refused_before_its_end"),
    },
    "metadata": {
        "DTD and size": ("metadata: saml.metadata_unreadable",),
        "expired": ("metadata: saml.metadata_expired", "test_saml_metadata::test_validity_is_an_exclusive_bound"),
        "whose it is": ("test_saml_metadata::test_what_no_signer_signed_is_refused", "test_saml_metadata::test_what_a_signer_signed_is_read"),
        "the entity twice, or another": ("metadata: saml.metadata_duplicate", "metadata: saml.metadata_entity", "metadata: saml.metadata_several"),
        "where it sends people": ("metadata: saml.metadata_url",),
        "no key": ("metadata: saml.metadata_no_key",),
        "how it is fetched": ("test_fetch::test_what_nobody_may_ask", "test_fetch::test_a_redirect_is_not_followed", "test_fetch::test_the_store_may_not_ask_private_hosts_not_even_over_a_kept_connection"),
        "keys that change": ("test_trust::test_a_change_waits_for_approval", "test_trust::test_a_change_is_taken_recorded_and_told_to_every_node"),
    },
}  # fmt: skip


@cache
def written_in(file: str) -> frozenset[str]:
    """Name every test of a file, from its source."""
    tree = ast.parse((HERE / f"{file}.py").read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        one.name for one in tree.body if isinstance(one, functions) and one.name.startswith("test_")
    )


def exists(case: str) -> bool:
    file, found, test = case.partition("::")
    if found:
        return test in written_in(file)
    table, _, row = case.partition(": ")
    return row in TABLES[table]


@pytest.mark.parametrize(
    ("where", "cases"),
    [(f"{room}: {name}", cases) for room, classes in CLASSES.items() for name, cases in classes.items()],
)
def test_every_class_of_attack_is_tried(where: str, cases: tuple[str, ...]) -> None:
    assert cases, f"nothing tries {where}"
    assert [case for case in cases if not exists(case)] == []


def test_every_attack_belongs_to_a_class() -> None:
    named = {case for classes in CLASSES.values() for cases in classes.values() for case in cases}
    rows = {f"{table}: {row}" for table in ("wrap", "borrowed") for row in TABLES[table]}
    assert rows <= named
