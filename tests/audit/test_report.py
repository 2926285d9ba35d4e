from __future__ import annotations

from igent.audit.findings import Finding, Names
from igent.audit.report import Audit, audit_lines

WRONG_PRICE = Finding(
    registration_id="R01",
    code="price-differs",
    expected="100.00",
    found="100.01",
    source=("pos.json#/0/price", "o.json#/0"),
)
TWO_BATTERIES = Finding(
    registration_id="R02",
    code="line-missing",
    expected={"product_type": "Battery", "quantity": 2},
    found=None,
    source=("pos.json#/1",),
)
AUDIT = Audit(findings=(WRONG_PRICE, TWO_BATTERIES), matched=2, orders=3)


def test_the_table_has_a_row_for_each_finding_and_the_counts_below() -> None:
    assert list(audit_lines(AUDIT)) == [
        "registration  code           expected                                 found   where, and by what",
        "R01           price-differs  100.00                                   100.01  pos.json#/0/price <- o.json#/0",
        'R02           line-missing   {"product_type":"Battery","quantity":2}  null    pos.json#/1',
        "2 registrations matched, 3 orders: findings about 2 registrations",
        "     1  line-missing",
        "     1  price-differs",
    ]


def test_an_audit_without_findings_says_so_in_one_line() -> None:
    told = [*audit_lines(Audit(findings=(), matched=5, orders=5))]
    assert told == ["5 registrations matched, 5 orders: every fact follows from the inputs"]


def test_a_long_value_is_cut_in_the_table() -> None:
    note = Finding(registration_id=None, code="registration-unknown", expected=None, found="x" * 99, source=("m#/0",))
    assert f"{'x' * 57}..." in [*audit_lines(Audit(findings=(note,), matched=0, orders=0))][1].split()


def test_the_record_has_the_findings_and_how_often_each_code_was_found() -> None:
    record = AUDIT.as_record()
    assert record["counts"] == {"line-missing": 1, "price-differs": 1}
    assert record["findings"] == [finding.as_record() for finding in AUDIT.findings]


def test_a_finding_says_what_was_expected_and_found_and_where() -> None:
    assert WRONG_PRICE.as_record() == {
        "registration_id": "R01",
        "code": "price-differs",
        "expected": "100.00",
        "found": "100.01",
        "source": ["pos.json#/0/price", "o.json#/0"],
    }


def test_a_name_like_no_other_has_no_suggestion() -> None:
    names = Names(["All Energy Solar", "iSoalr"])
    assert (names.maybe_meant("Zzz"), names.maybe_meant("iSolar")) == (None, "iSoalr")
