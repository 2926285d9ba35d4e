"""What it costs: every price is a cell of the offers file, and the right one; every sum adds up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from tests.workflows.findings import Finding, Run
from tests.workflows.inputs import Bundle, Inputs, Row, supplier_of, wants_of

__all__ = ["ORDERS"]

_MONEY = re.compile(r"-?\d+\.\d{2,}")


def _pairs(run: Run) -> Iterator[Finding]:
    """Matches and orders are the same registrations at the same suppliers, in the same order; no order id twice."""
    matches, orders = run.rows("matches.json"), run.rows("pos.json")
    pair = [[(row["registration_id"], row["supplier_id"]) for row in rows] for rows in (matches, orders)]
    if pair[0] != pair[1]:
        yield Finding("pairs", "matches.json and pos.json do not correspond")
    for po_id, times in Counter(order["po_id"] for order in orders).items():
        if times > 1:
            yield Finding("po-id", f"{po_id} stands {times} times")


def _lines(run: Run) -> Iterator[Finding]:
    """One line per wanted product, each price copied from the one cell that is right."""
    offers = {match["registration_id"]: match["offer"] for match in run.rows("matches.json")}
    for order in run.rows("pos.json"):
        about = order["registration_id"]
        _, household = run.inputs.household(about)
        wants, found = wants_of(household), [line["product_type"] for line in order["lines"]]
        if found != [kind for kind, _ in wants]:
            yield Finding("lines", f"{about} has {found}")
            continue
        bundle = next(b for b in run.inputs.candidates(household) if b.id == offers[about]["id"])
        for line, expected in zip(order["lines"], _expected_lines(bundle, household), strict=True):
            yield from (Finding(rule, about) for rule in _differences(run.inputs, line, expected))


def _expected_lines(bundle: Bundle, household: Row) -> Iterator[Row]:
    for (place, product), cell, (_, wanted) in zip(
        bundle.products, bundle.cells(household), wants_of(household), strict=True
    ):
        if cell is not None:
            adjusted = {"quantity_wanted": wanted} if cell.quantity != wanted else {}
            source = f"{place}/ProductPrices/{cell.index}/{cell.column}"
            yield {"product_name": product["ProductName"], "quantity": cell.quantity, "source": source} | adjusted


def _differences(inputs: Inputs, line: Row, expected: Row) -> Iterator[str]:
    if Decimal(line["price"]) != Decimal(str(inputs.at(line["source"]))) or not _MONEY.fullmatch(line["price"]):
        yield "price"
    for key in ("product_name", "quantity", "quantity_wanted", "source"):
        if line.get(key) != expected.get(key):
            yield f"line-{key}"


def _sums(run: Run) -> Iterator[Finding]:
    for order in run.rows("pos.json"):
        subtotal = sum((Decimal(line["price"]) for line in order["lines"]), Decimal(0))
        at_sale, later = (
            sum((Decimal(i["amount"]) for i in order["incentives"] if i.get("timing") == timing), Decimal(0))
            for timing in ("point-of-sale", "after-purchase")
        )
        expected = {
            "subtotal": subtotal,
            "incentive_total": at_sale + later,
            "amount_due": subtotal - at_sale,
            "net_total": subtotal - at_sale - later,
        }
        for key, amount in expected.items():
            if Decimal(order[key]) != amount or not _MONEY.fullmatch(order[key]) or amount < 0:
                yield Finding(key, f"{order['registration_id']}: {order[key]}, not {amount}")


def _payment(run: Run) -> Iterator[Finding]:
    """A loan is quoted for every line and rests on a note; without one the payment is cash."""
    for order in run.rows("pos.json"):
        about, finance = order["registration_id"], order.get("financing")
        _, household = run.inputs.household(about)
        if (order["payment_type"] == "loan") != bool(finance) or (finance and not household.get("Notes")):
            yield Finding("payment", about)
        if finance:
            quoted = [Decimal(str(run.inputs.at(source))) for source in finance["source"][: len(order["lines"])]]
            supplier = supplier_of(run.inputs, order["supplier_id"])
            terms = (int(supplier["LoanTermMonths"]), Decimal(str(supplier["InterestRate"])))
            found = (finance["months"], Decimal(finance["rate_percent"]))
            if Decimal(finance["instalment"]) != sum(quoted) or terms != found or 0 in quoted:
                yield Finding("financing", about)


def _incentives(run: Run) -> Iterator[Finding]:
    """Each is of the incentives file, at most once, and either has an amount or says why it has none."""
    for order in run.rows("pos.json"):
        about, ids = order["registration_id"], [incentive["id"] for incentive in order["incentives"]]
        if len(set(ids)) < len(ids):
            yield Finding("incentive-repeated", about)
        for incentive in order["incentives"]:
            entry = run.inputs.at(incentive["source"])
            if incentive["id"] != str(entry.get("id") or entry.get("Incentive name")):
                yield Finding("incentive-source", f"{about}: {incentive['source']}")
            if ("amount" in incentive) == ("undecided" in incentive):
                yield Finding("incentive-undecided", f"{about}: {incentive['id']}")
            if (incentive.get("basis") == "judged by prose") > ("cited" in incentive):
                yield Finding("incentive-uncited", f"{about}: {incentive['id']}")
            for part in ("cited", "amount_stated"):
                quoted = incentive.get(part)
                if quoted and run.inputs.at(quoted["source"])[quoted["start"] : quoted["end"]] != quoted["text"]:
                    yield Finding("incentive-quotation", f"{about}: {quoted}")


ORDERS = (_pairs, _lines, _sums, _payment, _incentives)
