"""The collector of ERC-20 transfers into a treasury, for those who sent them.

One stream a token. Only blocks below the one that the chain calls final are read, so that no reorganisation takes back
what is on record; two questions are asked of the node, for blocks and for logs, and each log is held against its block.
Serves ACTIVITY_IDEMPOTENT: an id is chain, transaction and log. Tokens that nobody listed are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, Field

from ledger.chain.rpc import Block, ChainError, JsonRpc, Logged
from ledger.core.canonical import MAX_SAFE_INTEGER
from ledger.core.config import Settings
from ledger.core.errors import CredentialsError, SourceError
from ledger.core.money import ZERO_ADDRESS
from ledger.core.values import Timestamp, checksummed, from_milliseconds, to_milliseconds
from ledger.core.windows import Window, gaps
from ledger.sources.port import GOES_ON, Page, Raw, SourceContext, SourceEvent, StreamCursor

KEPT_DECIMALS = 6
"""At most so many decimals of a token count in a quantity; the exact amount is text beside it."""
SPAN = 10_000
"""Blocks a question for logs: nodes refuse more, and some less; then it halves."""
ATTEMPTS = 6
REMEMBERED = 10_000
"""Blocks."""
Address = Annotated[str, AfterValidator(checksummed)]
T = TypeVar("T")


class Token(Settings):
    """A token that counts: its contract, and how many decimals it has."""

    address: Address
    decimals: Annotated[int, Field(ge=0, le=36)]


class OnchainOptions(Settings):
    """A source of transfers in a scope's file; docs/sources.md explains each option."""

    chain: Annotated[int, Field(ge=1, le=2**53 - 1)]
    treasury: Annotated[tuple[Address, ...], Field(min_length=1, max_length=20)]
    tokens: Annotated[tuple[Token, ...], Field(min_length=1, max_length=50)]
    web: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(/[!-~]*)?$")] = "https://etherscan.io"
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900


class OnchainSource:
    """Tokens of a list that were sent to a treasury on an EVM chain; quantities are at most six decimals of one."""

    kind: ClassVar[str] = "onchain"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = OnchainOptions

    def __init__(self, name: str, options: OnchainOptions, context: SourceContext) -> None:
        self.name = name
        self._options, self._context = options, context
        self._tokens = {token.address: token for token in options.tokens}
        self._rpc: JsonRpc | None = None
        self._waited = 0.0
        self._blocks: dict[int, Block] = {}

    @classmethod
    def origins(cls, options: OnchainOptions) -> frozenset[str]:
        """Each token at each address."""
        return frozenset(
            f"onchain:{options.chain}:{to}:{token.address}" for to in options.treasury for token in options.tokens
        )

    @classmethod
    def facets(cls, options: OnchainOptions) -> frozenset[str]:
        """None."""
        return frozenset()

    def streams(self) -> Sequence[str]:
        """The tokens."""
        return tuple(self._tokens)

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The transfers of a token in what is not covered yet, oldest first, up to the chain's last final block."""
        token = self._tokens[stream]
        final = self._ask("its last final block", lambda rpc: rpc.block("finalized"))
        end = min(window.end, self._context.now(), _time(final.time))
        counts: Counter[str] = Counter()
        for target in gaps(Window(window.start, end), list(cursor.covered)) if window.start < end else []:
            first = self._first_at(target.start, final)
            last = self._first_at(target.end, final) - 1
            yield from self._stretch(token, target, first, last, counts)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a transfer."""
        chain = self._options.chain
        yield SourceEvent(
            artifact_url=f"{self._options.web.rstrip('/')}/tx/{raw['transaction']}",
            event_time=Timestamp(raw["time"]),
            event_type="transfer_received",
            id=f"onchain:eip155:{chain}:{raw['transaction']}:{raw['log_index']}",
            metadata={
                "amount_minor": raw["amount"],
                "asset": f"eip155:{chain}/erc20:{raw['token']}",
                "block_hash": raw["block_hash"],
                "block_number": raw["block_number"],
                "decimals": raw["decimals"],
                "to": raw["to"],
            },
            platform_login=None,
            platform_user_id=raw["sender"],
            source=self.kind,
            quantity=raw["quantity"],
        )

    def _stretch(self, token: Token, target: Window, first: int, last: int, counts: Counter[str]) -> Iterator[Page]:
        """The pages of one stretch of time, which is blocks `first` to `last`; each covers up to its last block."""
        span, at, reached = SPAN, first, target.start
        while at <= last:
            until = min(last, at + span - 1)
            try:
                logs = self._logs(token, at, until, attempts=2 if span > 1 else ATTEMPTS)
            except SourceError:
                if span == 1:
                    raise
                span = max(1, span // 2)
                continue
            items, too_large = self._items(token, logs, counts)
            if too_large:
                yield Page(items, self._context.now(), counts=dict(counts), gaps=tuple(too_large))
                return
            at, span = until + 1, min(SPAN, span * 2)
            after = target.end if at > last else min(target.end, _time(self._block(at).time))
            covered = Window(reached, after) if reached < after else None
            reached = max(reached, after)
            yield Page(items, self._context.now(), covered=covered, counts=dict(counts))
        if first > last:
            yield Page((), self._context.now(), covered=target, counts=dict(counts))

    def _logs(self, token: Token, first: int, last: int, *, attempts: int) -> list[Logged]:
        to = self._options.treasury
        return self._ask("its logs", lambda rpc: rpc.received(token.address, to, first, last), attempts)

    def _items(self, token: Token, logs: Sequence[Logged], counts: Counter[str]) -> tuple[list[Raw], list[str]]:
        items: list[Raw] = []
        too_large: list[str] = []
        blocks = {number: self._block(number) for number in sorted({each.block_number for each in logs})}
        for each in logs:
            block, transfer = blocks[each.block_number], each.transfer
            if block.hash != each.block_hash:
                raise SourceError("the chain's node gave a log of a block that is not on the chain", hint=GOES_ON)
            quantity = transfer.amount // 10 ** max(0, token.decimals - KEPT_DECIMALS)
            if transfer.sender in self._options.treasury:
                counts["own_transfers"] += 1
            elif transfer.sender == ZERO_ADDRESS:
                counts["minted"] += 1
            elif not quantity:
                counts["without_an_amount"] += 1
            elif quantity > MAX_SAFE_INTEGER:
                too_large.append(f"transaction {each.transaction} moves more than a quantity can hold")
            else:
                items.append(
                    {
                        "amount": str(transfer.amount),
                        "block_hash": each.block_hash,
                        "block_number": each.block_number,
                        "decimals": token.decimals,
                        "log_index": transfer.log_index,
                        "quantity": quantity,
                        "sender": transfer.sender,
                        "time": _time(block.time),
                        "to": transfer.receiver,
                        "token": token.address,
                        "transaction": each.transaction,
                    }
                )
        return items, too_large

    def _first_at(self, time: Timestamp, final: Block) -> int:
        """The first block at or after a time, among those up to the final one; found by halving."""
        seconds = -(-to_milliseconds(time) // 1000)
        low, high = 0, final.number
        while low < high:
            middle = (low + high) // 2
            if self._block(middle).time < seconds:
                low = middle + 1
            else:
                high = middle
        return low

    def _block(self, number: int) -> Block:
        """A final block, which does not change any more: remembered, since looking for times meets the same ones."""
        if number not in self._blocks:
            if len(self._blocks) >= REMEMBERED:
                self._blocks.clear()
            self._blocks[number] = self._ask("a block", lambda rpc: rpc.block(number))
        return self._blocks[number]

    def _ask(self, what: str, question: Callable[[JsonRpc], T], attempts: int = ATTEMPTS) -> T:
        """The node's answer. Tried again after waits that are told and bounded; SourceError past that."""
        why, pause = "", 1.0
        for attempt in range(attempts):
            try:
                return question(self._node())
            except ChainError as error:
                why = error.message
            if attempt + 1 < attempts:
                if self._waited + pause > self._options.max_wait_seconds:
                    break
                self._waited += pause
                self._context.tell(f"{why}; waiting {pause:.0f} s")
                self._context.wait(pause)
                pause = min(30.0, pause * 2)
        raise SourceError(f"{why} (asked for {what}, {attempts} tries)", hint=GOES_ON)

    def _node(self) -> JsonRpc:
        """The node of this chain, after it said that it is one."""
        if self._rpc is None:
            environ, chain = self._context.environ, self._options.chain
            url = environ.get(f"LEDGER_RPC_URL_{chain}") or environ.get("LEDGER_RPC_URL")
            if not url:
                raise CredentialsError(
                    f"no node of chain {chain} is known", hint=f"Set LEDGER_RPC_URL_{chain} to its address."
                )
            rpc = JsonRpc(url)
            if (found := rpc.chain_id()) != chain:
                raise SourceError(
                    f"the node is of chain {found}, not of {chain}", hint="LEDGER_RPC_URL_<chain> names one for each."
                )
            self._rpc = rpc
        return self._rpc


def _time(seconds: int) -> Timestamp:
    return from_milliseconds(seconds * 1000)
