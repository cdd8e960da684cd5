"""A receipt, and a person's year of receipts, as W3C Verifiable Credentials 2.0, and as an Open Badge 3.0.

Derived: everything in them stands in the node, there is no clock, and the same node gives the same bytes. The wallets'
signatures go along as evidence, so that a reader need not trust the site's key alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ledger.core.receipts import Receipt, ReceiptAct

CONTEXT = "https://www.w3.org/ns/credentials/v2"
OWN_TERMS = {"@vocab": "https://www.w3.org/ns/credentials/issuer-dependent#"}
BADGE_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"


def receipt_credential(
    *,
    node_id: str,
    receipt: Receipt,
    receipt_hash: str,
    issuer: str,
    subject: str,
    address: str,
    valid_from: str,
    status: Mapping[str, Any],
    evidence: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """One receipt as a credential. `address`: its permanent page; `status`: where it stands whether it is revoked."""
    return {
        "@context": [CONTEXT, OWN_TERMS],
        "credentialStatus": dict(status),
        "credentialSubject": {
            "estimate": receipt.estimate,
            "id": subject,
            "nodeId": node_id,
            "receiptHash": receipt_hash,
            "role": receipt.role,
            "scope": receipt.scope_id,
            "type": "WorkReceipt",
            "workItem": receipt.work_item_id,
            "workPoints": receipt.work_points,
        },
        "evidence": list(evidence),
        "id": address,
        "issuer": issuer,
        "type": ["VerifiableCredential", "WorkReceiptCredential"],
        "validFrom": valid_from,
    }


def year_credential(
    *,
    node_id: str,
    year: str,
    receipts: Sequence[tuple[str, Receipt]],
    issuer: str,
    subject: str,
    address: str,
    valid_from: str,
) -> dict[str, Any]:
    """What stood of a person's receipts that were issued in a year: `(hash, receipt)` each, and points by role."""
    points: dict[str, int] = {}
    for _, receipt in receipts:
        points[receipt.role] = points.get(receipt.role, 0) + receipt.estimate
    return {
        "@context": [CONTEXT, OWN_TERMS],
        "credentialSubject": {
            "id": subject,
            "nodeId": node_id,
            "pointsByRole": dict(sorted(points.items())),
            "receiptHashes": sorted(hash_ for hash_, _ in receipts),
            "type": "WorkYear",
            "year": year,
        },
        "id": address,
        "issuer": issuer,
        "type": ["VerifiableCredential", "WorkYearCredential"],
        "validFrom": valid_from,
    }


def badge(credential: Mapping[str, Any], receipt: Receipt, node_name: str, issuer: str) -> dict[str, Any]:
    """The same receipt as an Open Badge 3.0 (AchievementCredential): what wallets of badges show.

    With the claims that Open Badges 3.0 asks of a badge in a token (its section "JWT Payload Format"): `nbf` counts
    whole seconds and must be `validFrom`, so that has none smaller.
    """
    what = f"{receipt.role} of {receipt.work_item_id}"
    since = datetime.fromisoformat(credential["validFrom"]).replace(microsecond=0)
    number, subject = f"{credential['id']}#badge", credential["credentialSubject"]["id"]
    return {
        "@context": [CONTEXT, BADGE_CONTEXT],
        "credentialStatus": credential["credentialStatus"],
        "credentialSubject": {
            "achievement": {
                "criteria": {
                    "narrative": f"Somebody with the right vouched for this work in {node_name}, and another person "
                    "with the right approved it. The signatures stand in the record at the address of this badge."
                },
                "description": f"{receipt.estimate} of {receipt.work_points} points of {receipt.work_item_id} as "
                f"{receipt.role}, in scope {receipt.scope_id} of {node_name}",
                "id": f"{credential['id']}#achievement",
                "name": what,
                "type": ["Achievement"],
            },
            "id": subject,
            "type": ["AchievementSubject"],
        },
        "evidence": [{"id": credential["id"], "name": receipt.artifact_url, "type": ["Evidence"]}],
        "id": number,
        "iss": issuer,
        "issuer": {"id": issuer, "name": node_name, "type": ["Profile"]},
        "jti": number,
        "name": what,
        "nbf": int(since.timestamp()),
        "sub": subject,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "validFrom": f"{since:%Y-%m-%dT%H:%M:%SZ}",
    }


def act_evidence(act: ReceiptAct, text: str) -> dict[str, Any]:
    """One act as evidence: the text that a wallet signed, its signature and its address."""
    return {
        "act": act.act,
        "at": act.at,
        "signature": act.signature,
        "signedText": text,
        "signer": f"did:pkh:eip155:0:{act.signer_wallet}",
        "type": "LedgerReceiptAct",
    }


def inclusion_evidence(
    *, epoch: str, line: str, index: int, size: int, path: Sequence[str], statement_hash: str, root: str
) -> dict[str, Any]:
    """That the receipt's event is in a finalized epoch: its line, and the RFC 9162 path to the statement's root."""
    return {
        "activityRoot": root,
        "epoch": epoch,
        "leafIndex": index,
        "line": line,
        "path": list(path),
        "statementHash": statement_hash,
        "treeSize": size,
        "type": "LedgerInclusionProof",
    }
