"""Each payment file against the public vectors, schema or stated columns of its format."""

from __future__ import annotations

import csv
import importlib.resources
import inspect
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from ledger.core.bankdata import find_iban
from ledger.core.bounds import LINE_BYTES
from ledger.core.errors import ConfigError, InputError
from ledger.rails.drips import receivers_hash
from ledger.rails.merkle_oz import leaf_of, proof_of, tree_of
from ledger.rails.merkle_uniswap import distributor
from ledger.rails.port import Order
from ledger.rails.registry import BUILT_IN, available, rail
from ledger.rails.safe_tx_builder import checksum
from ledger.rails.sepa import latin
from ledger.rails.splits import split_hash
from ledger.store.paylayout import plan_path
from ledger.store.payments import parse_plan
from tests.core.samples import user
from tests.rails.orders import TOKEN, WALLETS, order

VECTORS = Path(__file__).with_name("vectors")
IBAN = "DE89370400440532013000"
PEOPLE = {
    user(1): {"name": "Łukasz Müller & Co", "iban": "DE89 3704 0044 0532 0130 00", "paypal": "a1", "recipientId": "7"},
    user(2): {"name": "=cmd()", "iban": "NL91ABNA0417164300", "paypal": "b2", "bic": "ABNANL2A", "recipientId": "8"},
}


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def export(kind: str, what: Order) -> dict[str, str]:
    return {name: data.decode() for name, data in rail(kind).files(what).items()}


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize(
    "vector", vectors("oz_standard_merkle_v1")["vectors"], ids=lambda v: v.get("name") or str(v["sort"])
)
def test_the_tree_is_openzeppelins_own(vector: Any) -> None:
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    dump = vector["dump"]
    types, typed = dump["leafEncoding"], {"uint256": int, "bytes32": lambda text: bytes.fromhex(text[2:])}
    values = [
        [typed.get(kind, str)(part) for kind, part in zip(types, v["value"], strict=True)] for v in dump["values"]
    ]
    leaves = [keccak(keccak(encode(types, value))) for value in values]
    if types == ["address", "uint256"]:
        assert [leaf_of(*value) for value in values] == leaves
    tree, places = tree_of(leaves, vector.get("sort", True))
    assert ["0x" + node.hex() for node in tree] == dump["tree"]
    assert places == [value["treeIndex"] for value in dump["values"]]
    for place, proof in zip(places, vector.get("proofs", ()), strict=False):
        assert ["0x" + node.hex() for node in proof_of(tree, place)] == proof


def test_every_proof_leads_to_the_root() -> None:
    from eth_utils.crypto import keccak

    for count in range(1, 18):
        leaves = [keccak(bytes([number])) for number in range(count)]
        tree, places = tree_of(leaves)
        for leaf, place in zip(leaves, places, strict=True):
            for sibling in proof_of(tree, place):
                leaf = keccak(min(leaf, sibling) + max(leaf, sibling))
            assert leaf == tree[0]


def test_claims_are_uniswaps_own() -> None:
    for vector in vectors("uniswap_merkle_distributor")["vectors"]:
        if "input" not in vector:
            continue
        found, wanted = distributor(vector["input"]), vector["expected"]
        assert found["tokenTotal"] == wanted["tokenTotal"]
        assert found["claims"] == wanted["claims"]
        assert found["merkleRoot"] == wanted.get("merkleRoot", vector.get("root_computed_here"))


def test_the_checksum_of_a_batch_is_the_apps_own() -> None:
    for vector in vectors("safe_tx_builder")["vectors"]:
        wanted = vector.get("checksum") or vector.get("recomputed_here")
        if wanted:
            assert checksum(vector["batch"]) == wanted, vector["name"]


def test_a_batch_has_the_fields_of_the_apps_own_files() -> None:
    plain = json.loads(export("safe_tx_builder", order([10**18, 5], safe=WALLETS[2]))["safe-batch.json"])
    summed = json.loads(export("safe_tx_builder", order([10**18, 5], checksum="yes"))["safe-batch.json"])
    theirs = next(v["batch"] for v in vectors("safe_tx_builder")["vectors"] if v["name"] == "cypress working")
    assert set(plain) == set(theirs)
    assert set(plain["transactions"][0]) == set(theirs["transactions"][0])
    assert set(summed["meta"]) == set(theirs["meta"])
    assert "checksum" not in plain["meta"]
    assert (plain["chainId"], plain["createdAt"]) == ("1", 1772445600000)
    assert plain["transactions"][0]["contractInputsValues"] == {"to": WALLETS[0], "value": "1000000000000000000"}
    assert summed["meta"]["checksum"] == checksum(summed)


def test_a_chains_own_coin_is_sent_without_a_call() -> None:
    found = json.loads(export("safe_tx_builder", order([7], asset="eip155:10/slip44:60"))["safe-batch.json"])
    assert found["transactions"] == [{"to": WALLETS[0], "value": "7", "data": None}]


def test_the_airdrop_file_has_the_apps_header_and_whole_tokens() -> None:
    sample = vectors("safe_csv_airdrop")["vectors"][0]["csv"]
    found = rows(export("safe_csv", order([10**14, 10**18 + 1]))["safe-airdrop.csv"])
    assert found[0] == rows(sample)[0]
    assert found[1:] == [
        ["erc20", TOKEN.rpartition(":")[2], WALLETS[0], "0.000100000000000000", ""],
        ["erc20", TOKEN.rpartition(":")[2], WALLETS[1], "1.000000000000000001", ""],
    ]
    assert rows(export("safe_csv", order([5], asset="eip155:1/slip44:60"))["safe-airdrop.csv"])[1][:2] == ["native", ""]


def test_more_rows_than_the_app_takes_become_numbered_files() -> None:
    places = ["0x" + f"{number:040x}" for number in range(1, 902)]
    from ledger.core.values import checksummed

    found = export("safe_csv", order([1] * 901, places=[checksummed(place) for place in places]))
    assert [(name, len(rows(text)) - 1) for name, text in found.items()] == [
        ("safe-airdrop-001.csv", 400), ("safe-airdrop-002.csv", 400), ("safe-airdrop-003.csv", 101),
    ]  # fmt: skip


def test_splits_and_drips_have_the_contracts_hashes_and_order() -> None:
    known = vectors("splits_drips")
    split, drip = known["splits_v1_computed_here"], known["drips_computed_here"]
    assert split_hash(split["accounts"], split["percentAllocations"], split["distributorFee"]) == split["hash"]
    assert receivers_hash([(int(account), weight) for account, weight in drip["receivers"]]) == drip["hash"]
    assert receivers_hash([]) == "0x" + "0" * 64
    found = json.loads(export("splits", order([1, 1, 1]))["split.json"])
    assert found["accounts"] == split["accounts"]
    assert sorted(found["percentAllocations"]) == split["percentAllocations"]
    receivers = json.loads(export("drips", order([1, 1, 2]))["drips-receivers.json"])["receivers"]
    assert [int(each["accountId"]) for each in receivers] == sorted(int(wallet, 16) for wallet in WALLETS)
    assert sum(each["weight"] for each in receivers) == 1_000_000


def test_a_split_states_what_its_millionths_cannot_say() -> None:
    found = json.loads(export("splits", order([10**18, 2 * 10**18]))["split.json"])
    assert sum(found["percentAllocations"]) == 1_000_000
    assert found["residueMinor"] == {WALLETS[0]: "-1000000000000", WALLETS[1]: "1000000000000"}
    with pytest.raises(InputError, match="less than a millionth"):
        export("splits", order([10**9, 1]))


def sepa(**more: Any) -> Order:
    given = {"payees": PEOPLE, "debtor_name": "Example e.V.", "debtor_iban": IBAN}
    return order([123456, 7], asset="iso4217:EUR", decimals=2, rail="sepa", **{**given, **more})


def test_a_sepa_file_is_valid_against_the_published_schema() -> None:
    schema = xmlschema.XMLSchema(importlib.resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd")
    for each in (sepa(), sepa(debtor_bic="COBADEFFXXX", execution_date="2026-04-01", note="Thanks <&>")):
        text = export("sepa", each)["sepa.xml"]
        schema.validate(text)
        assert text == export("sepa", each)["sepa.xml"]
    block = schema.to_dict(text)["CstmrCdtTrfInitn"]["PmtInf"][0]
    assert str(block["CtrlSum"]) == "1234.63"
    assert [each["PmtId"]["EndToEndId"] for each in block["CdtTrfTxInf"]] == [line.reference for line in each.lines]
    assert [each["CdtrAcct"]["Id"]["IBAN"] for each in block["CdtTrfTxInf"]] == [IBAN, "NL91ABNA0417164300"]
    assert block["CdtTrfTxInf"][0]["Cdtr"]["Nm"] == "Lukasz Muller . Co"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"payees": {**PEOPLE, user(2): {"name": "x", "iban": "NL91ABNA0417164301"}}}, "wrong check"),
        ({"payees": {user(1): PEOPLE[user(1)]}}, "has no name"),
        ({"debtor_iban": "DE00"}, "wrong check"),
        ({"execution_date": "tomorrow"}, "no date"),
    ],
)
def test_what_a_bank_would_refuse_is_refused_here(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as found:
        export("sepa", sepa(**change))
    assert find_iban(str(found.value).encode()) is None


def test_names_keep_to_the_characters_of_sepa() -> None:
    assert latin("Zoë Ångström 李 <b>", 70) == "Zoe Angstrom . .b."


def test_a_file_for_paypal_has_no_header_and_the_plans_reference() -> None:
    each = order([1234, 5], asset="iso4217:EUR", decimals=2, payees=PEOPLE)
    found = rows(export("paypal", each)["paypal.csv"])
    assert found[0] == ["a1", "12.34", "EUR", each.lines[0].reference, "Distribution 3", "PAYPAL", "PRIVATE"]
    assert max(len(row[3]) for row in found) <= 30
    comma = order([1234], asset="iso4217:EUR", decimals=2, payees=PEOPLE, decimal="comma")
    assert '"12,34"' in export("paypal", comma)["paypal.csv"]


def test_wise_gets_its_own_template_filled_by_name() -> None:
    template = "recipientId,name,account,sourceCurrency,targetCurrency,amountCurrency,amount,paymentReference\n"
    each = order([1234, 5], asset="iso4217:EUR", decimals=2, payees=PEOPLE, template=template, source_currency="GBP")
    found = rows(export("wise", each)["wise.csv"])
    assert found[0] == rows(template)[0]
    assert found[2] == ["8", "'=cmd()", "", "GBP", "EUR", "target", "0.05", each.lines[1].reference]
    with pytest.raises(InputError, match="no columns"):
        export("wise", order([1], asset="iso4217:EUR", decimals=2, payees=PEOPLE))


def test_sponsors_get_logins_and_dollars() -> None:
    each = order(
        [500, 1250], asset="iso4217:USD", decimals=2, rail="github_sponsors", places=["github:1", "github:2"],
        names={user(1): "alice"}, payees={user(2): {"github_login": "bob-now"}},
    )  # fmt: skip
    assert rows(export("github_sponsors", each)["github-sponsors.csv"]) == [
        ["Maintainer username", "Sponsorship amount in USD"], ["alice", "5.00"], ["bob-now", "12.50"],
    ]  # fmt: skip


def test_tables_for_people_hold_no_formula() -> None:
    each = order([1], asset="iso4217:EUR", decimals=2, names={user(1): "=HYPERLINK(1)"},
                 payees={user(1): {"opencollective": "@x"}})  # fmt: skip
    assert rows(export("csv", each)["payments.csv"])[1][2] == "'=HYPERLINK(1)"
    assert rows(export("opencollective", each)["opencollective-expenses.csv"])[1][0] == "'@x"


def test_amounts_of_eighteen_decimals_beyond_64_bits_stay_exact() -> None:
    huge = 10**37 + 1
    assert rows(export("csv", order([huge]))["payments.csv"])[1][4] == "10000000000000000000.000000000000000001"
    assert json.loads(export("merkle_oz", order([huge]))["merkle-tree.json"])["values"][0]["value"][1] == str(huge)


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_every_rail_gives_the_same_bytes_twice_and_refuses_what_it_cannot_carry(kind: str) -> None:
    found = rail(kind)
    assert found.kind == kind
    assert kind in available()
    assert kind == "csv" or not (found.accepts("iso4217:EUR") and found.accepts(TOKEN))


def test_an_unknown_rail_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no rail `cheque`"):
        rail("cheque")


def test_a_plan_of_many_people_is_longer_than_a_line_of_a_log_and_is_read_back() -> None:
    plan = order([1] * 5_500, asset="iso4217:EUR", decimals=2).plan
    data = plan.file_bytes()
    assert len(data) > LINE_BYTES
    assert parse_plan(data, plan_path("default", 3), plan.node_id, "default", 3) == plan


def test_each_rail_names_the_options_that_it_asks_for_as_the_page_does() -> None:
    page = (Path(__file__).parents[2] / "docs/pay.md").read_text("utf-8")
    for kind in BUILT_IN:
        one = rail(kind)
        asked = re.findall(r"order\.option\(\"(\w+)\"", inspect.getsource(sys.modules[type(one).__module__]))
        assert sorted(set(asked)) == sorted(one.takes), kind
        row = next(line for line in page.splitlines() if line.startswith("| `") and f"`{kind}`" in line.split("|")[1])
        told = {*re.findall(r"`(\w+)[=`]", row.split("|")[5]), *(["template"] if "--template" in row else [])}
        assert told == set(one.takes), kind
