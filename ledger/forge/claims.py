"""Claims from issues: the form *Bind my accounts*, and an approver's `/bind`, each turned into bindings or an answer.

GitHub says whose account wrote an issue; a wallet signs the challenge; any other account is proved by an event whose
text is its code. Nothing of a text that somebody else edited counts. Nobody's words are stored: only accounts, and the
address where each was claimed. Proved lines go into the node that the caller gives, in the order of the issues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.core.errors import InputError, LedgerError
from ledger.core.identity import resolve_accounts
from ledger.core.proof import event_says
from ledger.core.signing import normalize_signature, recover_signer
from ledger.flows.accounts import account_key
from ledger.flows.identity import bind, display_names
from ledger.flows.proof import challenge, find_event, secret_of
from ledger.flows.session import Session, acting
from ledger.forge.conversation import Claim, Comment
from ledger.forge.markdown import block, code, one_line
from ledger.forge.questions import form_fields

MOST_LINES = 50
"""Accounts that one issue or comment may name."""
_LOGIN = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9._-]{0,62})")
_BIND = re.compile(r"/bind(?:[ \t]+(.*))?", re.I)


@dataclass(frozen=True, slots=True)
class Line:
    """One account that was bound in the caller's node, and by what; `self_proved`: by nobody's word."""

    account: str
    login: str | None
    user_id: str
    by: str
    issue: int
    self_proved: bool


@dataclass
class Answered:
    """What became of one issue: lines that are proved, and the words for whoever wrote it. `done`: all is on main."""

    issue: int
    lines: list[Line] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    done: bool = False


def take_claim(session: Session, claim: Claim, url: str) -> Answered:
    """Bind what a claim proves; say what is bound already, what will be, and what is missing.

    `url` is the issue's address, which the log keeps as evidence.
    """
    found, author = Answered(claim.number), claim.author
    if author.account is None:
        found.said.append("Nothing was taken: only a person's own account can claim (not a bot's or a deleted one).")
        return found
    if claim.edited_by_another:
        found.said.append(
            "Nothing was taken: somebody else edited this issue, so GitHub no longer says that you wrote it. "
            "Please open a new one."
        )
        return found
    fields = form_fields(claim.body)
    with acting(session, "self", claim.at):
        before = resolve_accounts(session.node.bindings())
        try:
            own = bind(session, "github", str(author.account), login=author.login, evidence=url, actor="self")
        except LedgerError as error:
            found.said.append(_problem(f"github:{author.account}", error))
            return found
        _told(
            found,
            f"github:{author.account}",
            author.login,
            own.user_id,
            own.added,
            "the author of the issue",
            alone=True,
        )
        missing = 0
        for account in _accounts(fields):
            try:
                missing += not _prove(session, found, own.user_id, account, url)
            except LedgerError as error:
                missing += 1
                found.said.append(_problem(account.name, error))
        found.done = not missing and resolve_accounts(session.node.bindings()) == before
    return found


@dataclass(frozen=True, slots=True)
class _Account:
    """What a form names: the account, and its answer to the challenge (a signature, or an event or its link)."""

    provider: str
    external_id: str
    proof: str

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.external_id}"


def _accounts(fields: dict[str, str]) -> Iterator[_Account]:
    wallet = fields.get("wallet", "").strip()
    if wallet:
        yield _Account("wallet", wallet, fields.get("signature", "").strip())
    for line in fields.get("others", "").splitlines()[:MOST_LINES]:
        words = line.replace("`", " ").split()
        if len(words) >= 2:
            yield _Account(words[0].lower(), words[1], words[2] if len(words) > 2 else "")


def _prove(session: Session, found: Answered, user_id: str, account: _Account, url: str) -> bool:
    """Bind an account that its answer proves; whether nothing is missing for it."""
    key = account_key(session, account.provider, account.external_id)
    holder = resolve_accounts(session.node.bindings()).get(key)
    name = f"{key[0]}:{key[1]}"
    if holder == user_id:
        found.said.append(f"{code(name)} is bound to you.")
        return True
    asked = challenge(session, account.provider, account.external_id, user_id)
    site = session.node.settings.site_url
    if not account.proof:
        found.said.append(_how(site, name, account, asked.text, asked.code))
        return False
    if account.provider == "wallet":
        stored = normalize_signature(account.proof)
        if recover_signer(asked.text, stored) != key[1]:
            found.said.append(
                f"The signature is not by {code(name)} over this text. " + _how(site, name, account, asked.text, "")
            )
            return False
        evidence = f"proof nonce={asked.nonce} eip191:{stored} {url}"
    else:
        event = find_event(session, account.proof)
        if (event.source, event.platform_user_id) != key or not event_says(event, asked.code, secret_of(session)):
            found.said.append(
                f"{code(account.proof)} is not by {code(name)}, or says more than the code. "
                + _how(site, name, account, "", asked.code)
            )
            return False
        evidence = f"proof nonce={asked.nonce} event:{event.id} {url}"
    done = bind(session, *key, user_id=user_id, evidence=evidence, actor="self")
    _told(found, name, None, done.user_id, done.added, "its own answer", alone=True)
    return True


def _how(site: str, name: str, account: _Account, text: str, posted: str) -> str:
    if account.provider == "wallet":
        where = f" ([in the browser]({site.rstrip('/')}/contributors/#prove))" if site else ""
        return (
            f"For {code(name)}, sign exactly this text with it{where} and put the signature into the form:\n\n"
            f"{block(text)}\n"
        )
    return (
        f"For {code(name)}, post exactly this, alone, where the ledger collects: {code(posted)}. "
        "Once it is collected (daily), put its link behind the account in the form."
    )


def take_vouchers(session: Session, comments: Sequence[Comment], url: str) -> list[tuple[Comment, Answered]]:
    """Bind what approvers vouch for: `/bind PROVIDER:ACCOUNT @login`, one a line, each line answered."""
    answers = []
    for comment in comments:
        lines = [match[1] or "" for line in _body(comment) if (match := _BIND.fullmatch(line.strip()))]
        if not lines or comment.ours:
            continue
        found = Answered(comment.thread)
        answers.append((comment, found))
        person = next(
            (
                one.id
                for scope in session.node.scopes.values()
                for one in scope.approvers
                if one.github_id is not None and one.github_id == comment.author.account
            ),
            None,
        )
        if comment.edited or person is None:
            why = (
                "this comment was edited; write a new one"
                if comment.edited
                else "only an approver vouches for somebody"
            )
            found.said.append(f"Nothing was done: {why}.")
            continue
        evidence = f"{url}/issues/{comment.thread}#issuecomment-{comment.id}"
        with acting(session, person, comment.at):
            for line in lines[:MOST_LINES]:
                _vouch(session, found, line, person, evidence)
    return answers


def _body(comment: Comment) -> list[str]:
    """The lines of a comment; below a bare `/bind`, lines without a command are its table."""
    found, table = [], False
    for line in comment.body.splitlines():
        text = line.strip().strip("|").strip()
        if text.lower() == "/bind":
            table = True
        elif table and re.match(r"[a-z]+:\S+", text) and not text.startswith("/"):
            found.append("/bind " + text.replace("|", " "))
        else:
            found.append(text)
    return found


def _vouch(session: Session, found: Answered, line: str, person: str, evidence: str) -> None:
    words = line.replace("`", " ").split()
    provider, _, account = words[0].partition(":") if words else ("", "", "")
    login = _LOGIN.fullmatch(words[1]) if len(words) == 2 else None
    if not account or login is None:
        found.said.append(f"{code(line or '/bind')}: write it as `/bind github:1234 @login`.")
        return
    try:
        known = [user for user, name in display_names(session).items() if name == login[1]]
        if len(known) > 1:
            raise InputError(f"{len(known)} users are named {login[1]}", hint="Use `ledger identity bind --user`.")
        key = account_key(session, provider, account)
        done = bind(session, *key, user_id=known[0] if known else None, login=login[1], evidence=evidence, actor=person)
    except LedgerError as error:
        found.said.append(_problem(words[0], error))
        return
    _told(found, f"{key[0]}:{key[1]}", login[1], done.user_id, done.added, f"{person} vouches", alone=False)


def _told(found: Answered, account: str, login: str | None, user_id: str, added: bool, by: str, *, alone: bool) -> None:
    if added:
        found.lines.append(Line(account, login, user_id, by, found.issue, alone))
        found.said.append(f"{code(account)} is proved ({by}).")
    else:
        found.said.append(f"{code(account)} is bound.")


def _problem(account: str, error: LedgerError) -> str:
    hint = f" {one_line(error.hint)}" if error.hint else ""
    return f"{code(account)}: {code(one_line(str(error)), 300)}.{hint}"
