"""Names that pass for other names are marked; honest ones, of whatever alphabet, are not."""

from __future__ import annotations

from ledger.flows.display import lookalike
from ledger.site.oddnames import odd_names

ANN, BEN, CLEO = "aaaaaaaa-0000", "bbbbbbbb-0000", "cccccccc-0000"


def test_a_name_that_looks_like_anothers_is_marked_with_the_other() -> None:
    found = odd_names({ANN: "admin", BEN: "\u0430dmin", CLEO: "cleo"}, lookalike)
    assert found[ANN] == ("looks like another", "This name is easily taken for “\u0430dmin”.")
    assert found[BEN][0] == "mixed alphabets"
    assert CLEO not in found


def test_letters_that_nobody_sees_are_said() -> None:
    for name in ("ad\u200bmin", "\u202eesrever", "x\u2069"):
        assert odd_names({ANN: name}, lookalike)[ANN][0] == "hidden letters"


def test_people_of_one_name_are_told_apart_by_the_beginning_of_their_ids() -> None:
    found = odd_names({ANN: "Kim", BEN: "Kim"}, lookalike)
    assert (found[ANN][0], found[BEN][0]) == ("aaaa", "bbbb")


def test_honest_names_of_other_alphabets_are_left_alone() -> None:
    names = {"1": "Dário", "2": "秋葉 Ann", "3": "Олена", "4": "Ελένη", "5": "محمد", "6": "o'Neill-2"}
    assert odd_names(names, lookalike) == {}
