"""The Merkle tree hash: published vectors, and the definition of RFC 9162 word for word as a second opinion."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.merkle import (
    EMPTY_ROOT,
    Prefixes,
    leaf_hash,
    merkle_root,
    root_of_hashes,
    root_of_subtrees,
    subtrees,
)

# github.com/transparency-dev/merkle (Apache-2.0), testonly/constants.go: LeafInputs and RootHashes. The tree of size n
# is over the first n inputs.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(entries: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it is written: MTH({}), MTH({d[0]}) and the split at the largest power of two."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_root_equals_the_published_one(size: int) -> None:
    assert merkle_root(INPUTS[:size]) == ROOTS[size]


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_root_equals_the_recursive_definition(lines: list[bytes]) -> None:
    assert merkle_root(lines) == mth(lines).hex()


@pytest.mark.parametrize("size", [15, 16, 17, 255, 256, 257, 1000])
def test_sizes_around_powers_of_two_split_as_the_definition_does(size: int) -> None:
    lines = [str(number).encode() for number in range(size)]
    assert merkle_root(iter(lines)) == root_of_hashes([leaf_hash(line) for line in lines]) == mth(lines).hex()


def test_every_prefix_has_the_root_that_it_has_alone() -> None:
    lines = [str(number).encode() for number in range(70)]
    prefixes = Prefixes(lines)
    assert [prefixes.root(size) for size in range(71)] == [mth(lines[:size]).hex() for size in range(71)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 31])
def test_prefixes_that_go_on_have_the_roots_of_all_lines_and_leave_the_shorter_ones(size: int) -> None:
    lines = [str(number).encode() for number in range(40)]
    shorter = Prefixes(lines[:size])
    longer = Prefixes(lines[size:], shorter)
    assert [longer.root(each) for each in range(41)] == [mth(lines[:each]).hex() for each in range(41)]
    assert shorter.root(size) == mth(lines[:size]).hex()


def test_an_empty_log_has_the_hash_of_nothing() -> None:
    assert merkle_root([]) == root_of_hashes([]) == EMPTY_ROOT == hashlib.sha256(b"").hexdigest()


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=20, unique=True), st.data())
def test_order_and_every_byte_matter(lines: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    root = merkle_root(lines)
    assert merkle_root([*lines[:at], lines[at] + b" ", *lines[at + 1 :]]) != root
    assert merkle_root(lines[1:] + lines[:1]) != root
    assert merkle_root(lines[:-1]) != root


def test_a_leaf_cannot_pass_for_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert merkle_root([left + right]) != merkle_root([b"a", b"b"])


@given(count=st.integers(0, 200), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_ranges_hashed_apart_from_one_another_give_the_root_over_all_leaves(count: int, cuts: list[int]) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(count)]
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    parts = [subtrees(first, leaves[first:after]) for first, after in itertools.pairwise(edges)]
    assert all(len(part) <= 2 * count.bit_length() for part in parts)
    assert root_of_subtrees(itertools.chain.from_iterable(parts)) == root_of_hashes(leaves)


def test_a_range_that_is_told_at_another_place_gives_another_root() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(6)]
    right = [*subtrees(0, leaves[:3]), *subtrees(3, leaves[3:])]
    assert root_of_subtrees(right) == root_of_hashes(leaves)
    assert root_of_subtrees([*subtrees(0, leaves[:3]), *subtrees(0, leaves[3:])]) != root_of_hashes(leaves)
