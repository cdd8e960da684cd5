"""A posted instruction is its person's own word: by a collected event of an account of his, and by nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import LedgerError, SignatureError, StateError
from ledger.flows.collect import collect
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.plan import plan, sign_plan
from ledger.flows.verify import verify
from ledger.sources.keyed import keyed_text
from ledger.store.paylayout import INSTRUCTIONS
from tests.nodes import at, signature
from tests.paying.world import EURO, close_epoch, owed_node, user_of

SECRET = b"0123456789abcdef0123456789abcdef"
OPEN = "data/epochs/default/0002"
SOON = "2026-01-13T12:00:00Z"


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice says in epoch 2, which is open, that her credits go to the pool."""
    root = owed_node(tmp_path_factory.mktemp("posted") / "node")
    with at(root, SOON, "ann") as session:
        wish = Wish(user_of(session, "alice"), "gift", 100, "pool")
        code = draft(session, "default", wish).code
        rows = (root / "work.csv").read_text("utf-8")
        more = f"p1,2026-01-13T10:00:00Z,community,{{who}},x,https://example.org/p{{n}},{code}\n"
        rows += (
            more.format(who="bob", n=1).replace("p1,", "p0,", 1)
            + more.format(who="alice", n=1)
            + more.format(who="bob", n=2).replace("p1,", "p2,", 1)
        )
        (root / "work.csv").write_text(rows, "utf-8")
        collect(session)
        with pytest.raises(SignatureError, match="is not user"):
            instruct(session, "default", wish, event="file:work:p2")
        assert instruct(session, "default", wish, event="file:work:p1").added
    return root


@pytest.fixture
def root(posted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(posted, tmp_path / "node"))


def forge(root: Path, **fields: object) -> None:
    """Write another line in place of the only one, as somebody with an editor would."""
    (line,) = (root / INSTRUCTIONS).read_bytes().splitlines()
    (root / INSTRUCTIONS).write_bytes(encode({**json.loads(line), **fields}) + b"\n")


def found(root: Path, time: str) -> list[str]:
    with at(root, time) as session:
        return [finding.message for finding in verify(session).all_findings]


def planned(root: Path, time: str) -> int:
    with at(root, time, "ann") as session:
        return plan(session, "default", EURO).plan.instructions.size


def test_a_post_of_an_account_of_the_person_bears_its_instruction(root: Path) -> None:
    assert found(root, "2026-01-14T00:00:00Z") == []
    assert planned(root, "2026-01-14T00:00:00Z") == 1
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        line = sign_plan(session, "default", None, signature(plan(session, "default", EURO).plan.signed_text, "ann"))
    assert line.added


def test_a_link_that_others_events_have_too_bears_it(root: Path) -> None:
    forge(root, proof={"event": "https://example.org/p1", "kind": "post"})
    assert found(root, "2026-01-14T00:00:00Z") == []
    assert planned(root, "2026-01-14T00:00:00Z") == 1


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("file:work:a1", "which does not say ledger-bind-"),
        ("file:work:p2", "not by an account of this person"),
        ("https://example.org/p2", "not by an account of this person"),
    ],
)
def test_a_line_that_rests_on_another_event_is_found_and_nobody_is_paid_by_it(
    root: Path, event: str, words: str
) -> None:
    forge(root, proof={"event": event, "kind": "post"})
    assert any(words in message for message in found(root, "2026-01-14T00:00:00Z"))
    with pytest.raises(StateError, match=words):
        planned(root, "2026-01-14T00:00:00Z")


def test_a_line_for_more_than_what_was_posted_is_found(root: Path) -> None:
    forge(root, amount_credits="4000")
    assert any("does not say" in message for message in found(root, "2026-01-14T00:00:00Z"))


def on_main(root: Path) -> None:
    """As main has it where epochs in progress lie on branches of their own: the epoch that is open is not there."""
    shutil.move(root / OPEN, root / "branch")


def test_an_event_that_nobody_has_bears_nothing(root: Path) -> None:
    """It may lie on a branch, so verify waits until the epochs of its time are there; nothing is planned meanwhile."""
    forge(root, proof={"event": "github:comment:acme/project:7", "kind": "post"})
    on_main(root)
    assert found(root, "2026-01-14T00:00:00Z") == []
    with pytest.raises(StateError, match="no epoch here holds"):
        planned(root, "2026-01-14T00:00:00Z")
    shutil.move(root / "branch", root / OPEN)
    assert any("no epoch here holds" in message for message in found(root, "2026-01-14T00:00:00Z"))
    close_epoch(root, 2)
    assert any("no epoch here holds" in message for message in found(root, "2026-01-21T00:00:00Z"))


def test_a_scope_that_never_closes_an_epoch_does_not_hide_that_an_event_is_missing(root: Path) -> None:
    forge(root, proof={"event": "github:comment:acme/project:7", "kind": "post"})
    settings = (root / "scopes/default.yaml").read_text("utf-8")
    asleep = settings.partition("sources:")[0].replace("scope_id: default", "scope_id: asleep") + "sources: []\n"
    (root / "scopes/asleep.yaml").write_text(asleep, "utf-8")
    assert found(root, "2026-01-14T00:00:00Z") == []  # nothing of that scope is here: it may be on a branch
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session, "asleep")
    assert (root / "data/epochs/asleep/0001").exists()
    for time in ("2026-01-14T01:00:00Z", "2026-06-01T00:00:00Z"):
        assert any("no epoch here holds" in message for message in found(root, time))


def test_a_plan_over_a_line_that_was_forged_since_is_signed_by_nobody(root: Path) -> None:
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        text = plan(session, "default", EURO).plan.signed_text
    forge(root, proof={"event": "file:work:p2", "kind": "post"})
    with at(root, "2026-01-14T01:00:00Z", "ann") as session, pytest.raises(LedgerError, match="account of this person"):
        sign_plan(session, "default", None, signature(text, "ann"))


def test_an_event_on_the_branch_of_an_epoch_in_progress_bears_it(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y"]
    for command in (
        ["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "all"], ["branch", "epoch/default/2"],
        ["rm", "-rq", OPEN], ["commit", "-q", "-m", "main has final epochs alone"],
    ):  # fmt: skip
        subprocess.run([*git, *command], check=True)
    assert not (root / OPEN).exists()
    assert found(root, "2026-01-14T00:00:00Z") == []
    assert planned(root, "2026-01-14T00:00:00Z") == 1


def keyed(root: Path, text: str | None = None) -> None:
    """Keep alice's post as a keyed hash, as sources do that publish no texts; of another `text`, where one is given."""
    log = root / "data/epochs/default/0002/activity.jsonl"
    lines = log.read_bytes().splitlines()
    place = next(number for number, line in enumerate(lines) if b'"id":"file:work:p1"' in line)
    event = json.loads(lines[place])
    code = event["metadata"].pop("title")
    event["metadata"]["text_hmac"] = keyed_text(SECRET, "p1", text or code)
    hashed = ("artifact_url", "event_time", "event_type", "id", "metadata", "platform_user_id", "quantity", "source")
    event["payload_hash"] = sha256_hex(encode({name: event[name] for name in hashed}))
    lines[place] = encode(event)
    log.write_bytes(b"".join(line + b"\n" for line in lines))


def told(root: Path, secret: bytes | None) -> list[str]:
    """What planning and signing with a secret at hand, or without, say of posts."""
    said: list[str] = []
    environ = {} if secret is None else {"LEDGER_SECRET": secret.decode()}
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        session.environ, session.tell = {**session.environ, **environ}, said.append
        text = plan(session, "default", EURO).plan.signed_text
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        session.environ, session.tell = {**session.environ, **environ}, said.append
        sign_plan(session, "default", None, signature(text, "ann"))
    return [line for line in said if "code" in line]


def test_the_secret_tells_whether_a_post_that_is_kept_as_a_keyed_hash_says_the_code(root: Path) -> None:
    keyed(root)
    assert told(root, SECRET) == []


def test_who_plans_or_signs_without_the_secret_is_told_what_was_not_checked(root: Path) -> None:
    keyed(root, "good morning")
    assert [line.partition(" whether")[0] for line in told(root, None)] == [f"{INSTRUCTIONS}, line 1: NOT CHECKED"] * 2


def test_nobody_plans_or_signs_by_a_post_that_says_something_else_by_the_secret(root: Path) -> None:
    keyed(root, "good morning")
    with pytest.raises(StateError, match=r"does not say .* is it the secret of this node"):
        told(root, SECRET)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        text = plan(session, "default", EURO).plan.signed_text
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        session.environ = {**session.environ, "LEDGER_SECRET": SECRET.decode()}
        with pytest.raises(StateError, match="does not say"):
            sign_plan(session, "default", None, signature(text, "ann"))
