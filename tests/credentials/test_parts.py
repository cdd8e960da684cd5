"""Tokens, keys, identifiers, lists and trust, each by itself, against public inputs of others and other libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from ledger.core.errors import LedgerError
from ledger.core.merkle import inclusion_path, leaf_hash, merkle_root, root_of_path
from ledger.core.values import Timestamp
from ledger.credentials import jose
from ledger.credentials import status as lists
from ledger.credentials.did import did_document, did_web, document_path, document_url, key_of, subject_of
from ledger.credentials.keys import load_private, new_key, private_pem, public_key, read_public_keys
from ledger.credentials.trust import TrustSettings, Verified, judge, merged, read_credential

W3C: dict[str, Any] = json.loads((Path(__file__).parent / "w3c.json").read_text("utf-8"))
NODE = "11111111-1111-4111-8111-111111111111"
KEY = new_key()
DID = "did:web:ledger.example"


def test_a_token_of_the_w3c_suite_is_checked_by_its_key() -> None:
    jose.check(jose.read(W3C["tokens"]["credential-issuer-match-signed"]), W3C["key"])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("credential-jose-bad-media-type", "is of type"),
        ("credential-jose-bad-signature", "not signed by the key"),
        ("credential-jose-vc-vp-claims", "a claim `vc` or `vp`"),
        ("credential-jose-minimal", "signed by 'ES256'"),
    ],
)
def test_what_the_w3c_suite_calls_bad_or_we_do_not_know_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(LedgerError, match=complaint):
        jose.check(jose.read(W3C["tokens"][name]), W3C["key"])


def test_what_we_sign_is_read_by_another_library_and_is_the_same_bytes_each_time() -> None:
    token = jose.sign({"a": 1, "é": "ü"}, KEY, f"{DID}#{public_key(KEY).kid}")
    assert token == jose.sign({"é": "ü", "a": 1}, KEY, f"{DID}#{public_key(KEY).kid}")
    found = jws.deserialize_compact(token, OKPKey.import_key(public_key(KEY).model_dump()), algorithms=["EdDSA"])
    assert json.loads(found.payload) == {"a": 1, "é": "ü"}
    assert (found.headers()["typ"], found.headers()["cty"]) == ("vc+jwt", "vc")


def test_the_younger_name_of_the_algorithm_and_es256k_are_checked_too() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    def token(alg: str, sign: Any) -> jose.Token:
        head = jose.b64url(json.dumps({"alg": alg, "typ": "vc+jwt"}).encode())
        signed = head + "." + jose.b64url(b'{"a":1}')
        return jose.read(signed + "." + jose.b64url(sign(signed.encode())))

    jose.check(token("Ed25519", KEY.sign), public_key(KEY).model_dump())
    secret = ec.derive_private_key(7, ec.SECP256K1())

    def raw(data: bytes) -> bytes:
        r, s = decode_dss_signature(secret.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    numbers = secret.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "secp256k1",
        "x": jose.b64url(numbers.x.to_bytes(32)),
        "y": jose.b64url(numbers.y.to_bytes(32)),
    }
    jose.check(token("ES256K", raw), jwk)
    for wrong in (token("ES256K", KEY.sign), token("EdDSA", raw)):
        for key in (jwk, public_key(KEY).model_dump(), {}):
            with pytest.raises(LedgerError):
                jose.check(wrong, key)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA", "crit": ["b64"]},
        {"alg": "EdDSA", "typ": "JWT"},
        {"alg": "EdDSA", "cty": "x"},
    ],
)
def test_a_header_that_asks_for_something_else_is_refused(header: dict[str, Any]) -> None:
    head = jose.b64url(json.dumps({"typ": "vc+jwt", **header}).encode())
    with pytest.raises(LedgerError):
        jose.read(f"{head}.{jose.b64url(b'{}')}.")


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "!.!.!", "e30.e30.e30", "x" * 300_000])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        jose.read(text)


def test_a_key_is_named_by_itself_and_kept_under_a_password() -> None:
    public = public_key(KEY)
    assert public.kid == OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public.x}).thumbprint()
    assert read_public_keys({"keys": [public.model_dump()]}) == [public]
    assert public_key(load_private(private_pem(KEY, "pw"), "pw", "k")) == public
    with pytest.raises(LedgerError, match="does not open"):
        load_private(private_pem(KEY, "pw"), "other", "k")
    for bad in (
        {"keys": [{**public.model_dump(), "kid": "x"}]},
        {"keys": [{**public.model_dump(), "d": "secret"}]},
        [],
        {},
    ):
        with pytest.raises(LedgerError):
            read_public_keys(bad)


def test_a_site_is_an_issuer_and_serves_its_document_where_others_look() -> None:
    assert did_web("https://ledger.example/") == DID
    assert did_web("https://acme.github.io/ledger") == "did:web:acme.github.io:ledger"
    assert did_web("http://127.0.0.1:8000/a") == "did:web:127.0.0.1%3A8000:a"
    assert document_url(DID) == "https://ledger.example/.well-known/did.json"
    assert document_url("did:web:acme.github.io:ledger") == "https://acme.github.io/ledger/did.json"
    assert document_path(DID) == ".well-known/did.json"
    for bad in ("did:key:z6Mk", "did:web:", "did:web:a/b", "did:web:a:..:b", "did:web:a:%2e%2e"):
        with pytest.raises(LedgerError):
            document_url(bad)
    for bad in ("ledger.example", "ftp://x", "https://", "https://x/?q"):
        with pytest.raises(LedgerError):
            did_web(bad)


def test_only_a_key_that_the_issuers_own_document_lists_for_credentials_counts() -> None:
    public = public_key(KEY)
    document = did_document(DID, [public])
    assert key_of(document, DID, f"{DID}#{public.kid}") == public.model_dump()
    assert key_of(document, DID, public.kid) == public.model_dump()
    for bad, name in (
        ({**document, "id": "did:web:other"}, public.kid),
        ({**document, "assertionMethod": []}, public.kid),
        (document, "another"),
        (document, f"did:web:other#{public.kid}"),
    ):
        with pytest.raises(LedgerError):
            key_of(bad, DID, name)


def test_a_subject_is_a_wallet_or_the_users_id() -> None:
    wallet = "0xb9c5714089478a327F09197987f16f9E5d936E8a"
    assert subject_of(NODE, wallet) == f"did:pkh:eip155:0:{wallet}"
    assert subject_of(NODE, None) == f"urn:uuid:{NODE}"


@pytest.mark.parametrize("vector", W3C["lists"])
def test_status_lists_of_others_are_read_place_by_place(vector: dict[str, Any]) -> None:
    for index in (0, 1, 94566, 94567, 94568, 131070, 131071):
        assert lists.is_set(vector["encodedList"], index) == (index in vector["set"])


@given(st.sets(st.integers(0, lists.BITS - 1), max_size=20))
def test_a_list_says_of_each_place_what_was_put_there(places: set[int]) -> None:
    encoded = lists.encode_bits(places)
    assert encoded == lists.encode_bits(sorted(places))
    for index in [*places, 5]:
        assert lists.is_set(encoded, index) == (index in places)


def test_a_list_that_is_short_cut_huge_or_another_is_refused() -> None:
    import gzip

    for bad in (b"", gzip.compress(b"\0" * 100), gzip.compress(b"\0" * 16384)[:-9], gzip.compress(b"\0" * 2**25)):
        with pytest.raises(LedgerError):
            lists.is_set("u" + jose.b64url(bad), 0)
    entry = lists.entry("https://x/status/1.jwt", 7)
    credential = lists.list_credential("https://x/status/1.jwt", DID, "2026-01-01T00:00:00Z", [7])
    assert lists.revoked_by(entry, credential)
    for wrong in (
        {**entry, "statusListCredential": "https://y"},
        {**entry, "statusListIndex": "-1"},
        {**entry, "statusPurpose": "x"},
    ):
        with pytest.raises(LedgerError):
            lists.revoked_by(wrong, credential)


@given(st.integers(1, 40), st.data())
def test_an_inclusion_path_leads_to_the_root_and_no_other_leaf_does(size: int, data: st.DataObject) -> None:
    lines = [b"line %d" % number for number in range(size)]
    leaves, index = [leaf_hash(line) for line in lines], data.draw(st.integers(0, size - 1))
    path = inclusion_path(leaves, index)
    assert root_of_path(leaves[index], index, size, path) == merkle_root(lines)
    assert root_of_path(leaf_hash(b"other"), index, size, path) != merkle_root(lines)
    assert root_of_path(leaves[index], index, size, [*path, "00" * 32]) != merkle_root(lines)


def credential(issuer: str = DID, **changes: Any) -> Verified:
    subject = {
        "estimate": 5,
        "id": "urn:uuid:1",
        "nodeId": NODE,
        "receiptHash": "ab" * 32,
        "role": "author",
        "scope": "default",
        "workItem": "task.1",
        "workPoints": 5,
    }
    payload = {
        "credentialSubject": {**subject, **changes},
        "id": "https://x/1",
        "issuer": issuer,
        "type": ["VerifiableCredential", "WorkReceiptCredential"],
        "validFrom": "2026-01-01T00:00:00Z",
    }
    return read_credential(payload, f"{issuer}{changes}", Timestamp("2026-02-01T00:00:00.000Z"))


def trust(need: int = 1, **more: Any) -> TrustSettings:
    issuers = [{"did": did, "node_id": NODE, **more} for did in (DID, "did:web:b.example", "did:web:c.example")]
    return TrustSettings.load({"issuers": issuers, "need": need}, "trust.yaml")


@pytest.mark.parametrize(
    ("policy", "one", "quantity", "told"),
    [
        ({}, credential(), 5, ""),
        ({"at_most": 3}, credential(), 3, "capped at 3"),
        ({"roles": ["reviewer"]}, credential(), None, "role author"),
        ({"scopes": ["design"]}, credential(), None, "scope default"),
        ({}, credential("did:web:stranger"), None, "not in trust.yaml"),
        ({"root": "ab" * 32}, credential(), 5, ""),
        ({"root": "cd" * 32}, credential(), None, f"began with root {'ab' * 32}"),
        (
            {"root": "ab" * 32, "scopes": ["design"]},
            credential(scope="design"),
            None,
            "no peer that was verified (`ledger peers add`)",
        ),
        ({}, credential(nodeId="22222222-2222-4222-8222-222222222222"), None, "is of node"),
    ],
)
def test_the_policy_refuses_or_caps_in_words(
    policy: dict[str, Any], one: Verified, quantity: int | None, told: str
) -> None:
    (judged,) = judge(trust(**policy), [one], {(NODE, "default"): "ab" * 32})
    assert judged.quantity == quantity
    assert told in judged.told


def test_where_several_issuers_must_agree_one_alone_does_not_count_and_two_are_one_event_of_the_fewest_points() -> None:
    alone = judge(trust(2), [credential()])
    assert (alone[0].quantity, alone[0].told) == (None, "1 of 2 issuers say this so far")
    both = judge(trust(2), [credential(), credential("did:web:b.example", estimate=3)])
    assert [judged.quantity for _, judged in merged(trust(2), both)] == [3]


@pytest.mark.parametrize(
    "change",
    [
        {"validFrom": "2026-03-01T00:00:00Z"},
        {"validUntil": "2026-01-02T00:00:00Z"},
        {"type": ["X"]},
        {"validFrom": None},
    ],
)
def test_a_credential_of_another_time_or_kind_is_refused(change: dict[str, Any]) -> None:
    payload = {
        "credentialSubject": credential().subject.model_dump(),
        "issuer": DID,
        "type": ["WorkReceiptCredential"],
        "validFrom": "2026-01-01T00:00:00Z",
    }
    now = Timestamp("2026-02-01T00:00:00.000Z")
    read_credential(payload, "t", now)
    with pytest.raises(LedgerError):
        read_credential({**payload, **change}, "t", now)
