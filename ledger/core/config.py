"""What people write: ledger.yaml, scopes/<scope_id>.yaml and weights/<policy>.yaml as strict models.

Knows the shape of a node's settings, not YAML: the store reads the files and hands plain values in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ledger.core.errors import ConfigError
from ledger.core.explain import explain, place
from ledger.core.pool import AnyRule, FixedV1, Rule
from ledger.core.records.epoch import ALGORITHM, KindKey, Length, Unit, Unresolved, WeightTable
from ledger.core.values import (
    PERSON_PATTERN,
    Address,
    AmountCredits,
    EventType,
    Name,
    Node,
    NodePath,
    PersonId,
    Scope,
    Text,
    Timestamp,
    checksummed,
    parse_time,
)
from ledger.core.windows import Calendar

DEFAULT_SCOPE = "default"
DEFAULT_ANCHOR = "2026-01-05"
MOST_HOLD_EPOCHS = 520
"""Ten years of weeks: what is held longer is held for ever."""

_HIDDEN = r"\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}"
"""What nobody sees or what turns a line, as in the names of people that pages mark."""
KIND_NAME_PATTERN = rf"^[^\s{_HIDDEN}](?:[^{_HIDDEN}]{{0,58}}[^\s{_HIDDEN}])?$"
KindName = Annotated[str, Field(pattern=KIND_NAME_PATTERN)]
"""What a kind of event is called where people read: 1 to 60 letters on one line, none hidden."""
ConfigTime = Annotated[Timestamp, BeforeValidator(lambda value: parse_time(value) if isinstance(value, str) else value)]


def _quoted(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError('put the address in quotes, "0x…": unquoted it is a number')
    return checksummed(value) if isinstance(value, str) else value


ConfigWallet = Annotated[Address, BeforeValidator(_quoted)]
SITE_PATTERN = r"^(https?://[!-~]+)?$"
REPOSITORY_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100})?$"
LICENSE_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9.+-]{0,63})?$"
DEFAULT_LICENSE = "CC-BY-4.0"
_FORMS = {
    LICENSE_PATTERN: "an SPDX identifier such as CC-BY-4.0 or CC0-1.0, or empty",
    PERSON_PATTERN: "a name of letters, digits and . _ - (at most 63)",
    KIND_NAME_PATTERN: "1 to 60 letters on one line, none of them hidden (type it anew), no blank at its ends",
    SITE_PATTERN: "an address such as https://example.org/ledger/, or empty",
    REPOSITORY_PATTERN: "OWNER/NAME as on GitHub (no https://), or empty",
}
"""How people write what these patterns check."""


class Settings(BaseModel):
    """Base of all settings: unknown keys and mistyped values are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        """YAML lists arrive as tuples, so that settings cannot change once read."""
        if isinstance(value, Mapping):
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return value

    @classmethod
    def load(cls, value: object, path: str) -> Self:
        """The settings of one file; ConfigError names the file and the first key that is wrong."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            wrong = ConfigError(explain(error, _FORMS), path=path, hint="See docs/operate.md for every key.")
            wrong.field = place(error)
            raise wrong from None


class EpochSettings(Settings):
    """Length, alignment and patience of the node's windows."""

    unit: Unit = "days"
    length: Length = 7
    anchor: ConfigTime = parse_time(DEFAULT_ANCHOR)
    grace_hours: Annotated[int, Field(ge=0, le=24 * 366)] = 24

    @model_validator(mode="after")
    def _midnight(self) -> Self:
        if not self.anchor.endswith("T00:00:00.000Z"):
            raise ValueError("anchor must be a date, 00:00 UTC")
        if self.unit == "months" and self.anchor[8:10] > "28":
            raise ValueError("anchor: months begin on a day from 1 to 28, which every month has")
        return self

    @property
    def calendar(self) -> Calendar:
        """How these settings cut time."""
        return Calendar(self.anchor, self.length, self.unit)


class ProposalSettings(Settings):
    """Which words of a merged pull request propose receipts: how ids of items begin, and what stands before points.

    `items` empty: none do. `scope`: whose receipts they are; may be left out where there is one.
    """

    items: tuple[Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,30}$")], ...] = ("task.",)
    estimate: Annotated[Text, Field(pattern=r"^[A-Za-z][A-Za-z0-9 _-]{0,30}$")] = "estimate"
    scope: Text = ""


class NodeSettings(Settings):
    """`ledger.yaml`: the node itself. `repository` is its owner/name on GitHub, empty where it is not there.

    `data_license`: under which the site offers its data, by SPDX identifier; empty says nothing.
    """

    node_id: Node
    name: Text
    site_url: Annotated[Text, Field(pattern=SITE_PATTERN)] = ""
    repository: Annotated[Text, Field(pattern=REPOSITORY_PATTERN)] = ""
    data_license: Annotated[Text, Field(pattern=LICENSE_PATTERN)] = ""
    epoch: EpochSettings = EpochSettings()
    proposals: ProposalSettings = ProposalSettings()


class Person(Settings):
    """Someone who may decide on the record, by the name that `--actor` and the log use."""

    id: PersonId
    github_id: Annotated[int, Field(ge=1)] | None = None


class Approver(Person):
    """A person who signs. Several wallets are one person and count once (APPROVERS_PER_SCOPE)."""

    wallets: Annotated[tuple[ConfigWallet, ...], Field(min_length=1)]


class Issuer(Approver):
    """A person who vouches for work that no platform records, and what else that person may do."""

    can_issue: bool = True
    can_approve: bool = False
    can_close_epoch: bool = False


class PoolSettings(Settings):
    """What each epoch receives unless somebody records it by hand. Credits: text, or a whole number as YAML has it."""

    base_issuance: AmountCredits | None = None


class SourceSettings(Settings):
    """One configured source of a scope: which adapter, under which name, with the adapter's own options."""

    source: Name
    name: Name
    options: dict[str, Any] = {}


class Route(Settings):
    """A rule that claims events of one source; an empty list does not restrict. Patterns as in a shell (`*`, `?`)."""

    source: Name
    repositories: tuple[Text, ...] = ()
    paths: tuple[Text, ...] = ()
    labels: tuple[Text, ...] = ()
    channels: tuple[Text, ...] = ()


class SpamRule(Settings):
    """A written rule about what does not count: per account, channel and UTC day; an empty list does not restrict.

    `reverts`: a commit and the one that undoes it cancel out; `empty`: a commit that changes nothing does not count.
    """

    source: Name
    event_types: tuple[EventType, ...] = ()
    most_per_day: Annotated[int, Field(ge=1)] | None = None
    least_length: Annotated[int, Field(ge=1)] | None = None
    channels: tuple[Text, ...] = ()
    reverts: bool = False
    empty: bool = False


class ScopeSettings(Settings):
    """`scopes/<scope_id>.yaml`: one governance and payout domain.

    `issuers` vouch for work; `self_approve` lets one approve his own, `covers` lets a receipt exclude an event that it
    stands for. `unresolved`: what falls to accounts without a user is shared among the others, or held, for
    `hold_epochs` epochs (None: for ever). `catch_up`: missed windows become an epoch each, or are joined into one.

    `objection_hours` keeps a statement open for questions, counted from review; `merge: manual` leaves the last click
    to a person; a person above `outlier_percent` of an epoch is pointed out to approvers. `merge_bindings: self_proved`
    lets accounts that their owners proved themselves be bound without a person's click, where every scope says so.
    `on_decline`: whether money that somebody declines in a distribution goes to the others in it, or stays.
    """

    scope_id: Scope
    name: Text = ""
    start: ConfigTime | None = None
    weights: NodePath = "weights/default.yaml"
    approvers: tuple[Approver, ...] = ()
    threshold: Annotated[int, Field(ge=1, le=999)] = 1
    curators: tuple[Person, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    self_approve: bool = False
    covers: bool = False
    pool: PoolSettings = PoolSettings()
    pool_rules: tuple[AnyRule, ...] = ()
    unresolved: Unresolved = "share"
    hold_epochs: Annotated[int, Field(ge=1, le=MOST_HOLD_EPOCHS)] | None = None
    catch_up: Literal["each", "join"] = "each"
    sources: tuple[SourceSettings, ...] = ()
    routing: tuple[Route, ...] = ()
    spam: tuple[SpamRule, ...] = ()
    overlap: bool = False
    objection_hours: Annotated[int, Field(ge=0, le=24 * 366)] = 0
    merge: Literal["auto", "manual"] = "auto"
    merge_bindings: Literal["manual", "self_proved"] = "manual"
    outlier_percent: Annotated[int, Field(ge=1, le=100)] = 25
    on_decline: Literal["redistribute", "return"] = "return"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wallets = [wallet for person in self.approvers for wallet in person.wallets]
        if len(wallets) != len(set(wallets)):
            raise ValueError("approvers: a wallet is listed twice")
        people = [person.id for person in self.approvers]
        if len(people) != len(set(people)):
            raise ValueError("approvers: an id is listed twice")
        if len(issuers := [person.id for person in self.issuers]) != len(set(issuers)):
            raise ValueError("issuers: an id is listed twice")
        holders = {wallet: person.id for person in self.approvers for wallet in person.wallets}
        for person in self.issuers:
            for wallet in person.wallets:
                if holders.setdefault(wallet, person.id) != person.id:
                    raise ValueError(f"issuers: wallet {wallet} is listed under {holders[wallet]} and {person.id}")
            if len(person.wallets) != len(set(person.wallets)):
                raise ValueError("issuers: a wallet is listed twice")
        accounts = [person.github_id for person in self.approvers if person.github_id is not None]
        if len(accounts) != len(set(accounts)):
            raise ValueError("approvers: a github_id is listed twice")
        if self.approvers and self.threshold > len(self.approvers):
            raise ValueError(f"threshold: {self.threshold} is larger than the {len(self.approvers)} approvers")
        components = [rule.component for rule in self.rules]
        if len(components) != len(set(components)):
            raise ValueError("pool_rules: two rules (or pool.base_issuance and a rule) give the same component")
        if self.hold_epochs is not None and (self.unresolved != "hold" or "carry_over" not in components):
            raise ValueError("hold_epochs needs unresolved: hold, and the pool rule carry-over-v1")
        names = [source.name for source in self.sources]
        if len(names) != len(set(names)):
            raise ValueError("sources: a name is used twice")
        return self

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The pool's rules as an epoch pins them; `pool.base_issuance` is short for fixed-v1."""
        base = self.pool.base_issuance
        fixed = (FixedV1(rule="fixed-v1", amount_credits=base),) if base is not None else ()
        return (*fixed, *self.pool_rules)

    @property
    def wallets(self) -> tuple[Address, ...]:
        """All approvers' addresses, sorted: what review pins."""
        return tuple(sorted(wallet for person in self.approvers for wallet in person.wallets))

    def person_of(self, wallet: str) -> Approver | None:
        """The approver who holds `wallet`, if anyone does now."""
        return next((person for person in self.approvers if wallet in person.wallets), None)

    def decider_by_account(self, github_id: int) -> Person | None:
        """The approver or curator with this GitHub account (its immutable number), if anyone is."""
        return next((each for each in (*self.approvers, *self.curators) if each.github_id == github_id), None)

    def may_decide(self, actor: str) -> bool:
        """Whether `actor` is an approver or curator of the scope."""
        return any(person.id == actor for person in (*self.approvers, *self.curators))


class WeightPolicy(Settings):
    """`weights/<policy>.yaml`: what each kind of event is worth, in milli-units (1000 is one unit)."""

    algorithm: Literal["weight-sum-v1"] = ALGORITHM
    weights: WeightTable
    names: dict[KindKey, KindName] = {}
    """What kinds are called on pages; they need not have a weight here."""
