"""Let people bind their own accounts: print a challenge, check the answers, record the binding with its evidence.

A new user needs the account's own answer. To join a user who exists, an account that is his already must answer too,
so that nobody slips an account or a wallet under somebody else's name.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.core.errors import InputError, SignatureError
from ledger.core.identity import AccountKey, known_users, new_user_id, resolve_accounts
from ledger.core.proof import Challenge, event_says, nonce_of
from ledger.core.records.activity import ActivityEvent
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import UserId
from ledger.flows.accounts import account_key
from ledger.flows.elsewhere import everywhere
from ledger.flows.identity import Bound, bind
from ledger.flows.session import Session
from ledger.store.layout import IDENTITIES


def challenge(session: Session, provider: str, external_id: str, user_id: str | None = None) -> Challenge:
    """The challenge for binding an account to a user (None: a new one of its own).

    Raises InputError when the account is bound, or the user does not exist.
    """
    account = account_key(session, provider, external_id)
    log = session.node.bindings()
    bound = resolve_accounts(log)
    if account in bound:
        raise InputError(
            f"{provider} account {external_id} is bound to user {bound[account]}",
            path=IDENTITIES,
            hint="An approver can unbind it, with evidence, if it belongs to someone else.",
        )
    fresh = new_user_id(session.node.node_id, *account, known_users(log))
    user = UserId(user_id) if user_id else fresh
    if user != fresh and user not in bound.values():
        raise InputError(
            f"user {user} has no bound account", path=IDENTITIES, hint="`ledger identity list` shows users."
        )
    return Challenge(session.node.node_id, user, account, nonce_of(log, account))


def prove(
    session: Session,
    provider: str,
    external_id: str,
    *,
    user_id: str | None = None,
    login: str | None = None,
    signatures: Sequence[str] = (),
    events: Sequence[str] = (),
) -> Bound:
    """Check the answers to the account's challenge and bind it.

    `signatures`: by wallets over the challenge's text; `events`: collected messages or commits whose text is its code.
    Raises InputError or SignatureError that names the answer that is missing or wrong; nothing is written then.
    """
    asked = challenge(session, provider, external_id, user_id)
    log = session.node.bindings()
    bound = resolve_accounts(log)
    evidence: dict[AccountKey, str] = {}
    for signature in signatures:
        stored = normalize_signature(signature)
        evidence["wallet", recover_signer(asked.text, stored)] = f"eip191:{stored}"
    for event_id in events:
        event = find_event(session, event_id)
        if not event_says(event, asked.code, secret_of(session)):
            raise InputError(
                f"event {event_id} does not say {asked.code}",
                hint="Post exactly the code, alone, then collect; `ledger identity challenge` prints it.",
            )
        evidence[event.source, event.platform_user_id] = f"event:{event_id}"
    if asked.account not in evidence:
        raise SignatureError(
            f"no answer comes from {provider} account {external_id} itself",
            hint="A wallet signs the text of `ledger identity challenge`; any other account posts its code.",
        )
    owner = [proof for account, proof in evidence.items() if bound.get(account) == asked.user_id]
    is_new = asked.user_id not in known_users(log)
    if not is_new and not owner:
        raise SignatureError(
            f"no answer comes from an account that user {asked.user_id} has already",
            hint="Answer the same challenge also from one of that user's accounts, or ask an approver to bind it.",
        )
    proofs = " ".join(sorted({evidence[asked.account], *owner}))
    return bind(
        session,
        *asked.account,
        user_id=None if is_new else asked.user_id,
        login=login,
        evidence=f"proof nonce={asked.nonce} {proofs}",
        actor="self",
    )


def find_event(session: Session, event_id: str) -> ActivityEvent:
    """A collected event by its id or its link, here or on the branch of an epoch in progress.

    InputError where no epoch holds it.
    """
    found = _find(session, event_id)
    if found is None:
        with everywhere(session) as wide:
            found = _find(wide, event_id) if wide.elsewhere else None
    if found is None:
        hint = "Post the code, wait for the next collection (on GitHub: daily, `git fetch` brings it), try again."
        raise InputError(f"no epoch holds event {event_id}", hint=hint)
    return found


def _find(session: Session, event_id: str) -> ActivityEvent | None:
    for scope in session.node.scopes:
        for folder in reversed(session.node.epochs(scope)):
            for _, _, event in folder.events():
                if event_id in (event.id, event.artifact_url):
                    return event
    return None


def secret_of(session: Session) -> bytes | None:
    """The secret that keys ids and texts, where the caller has it."""
    text = session.environ.get("LEDGER_SECRET")
    return text.encode() if text else None
