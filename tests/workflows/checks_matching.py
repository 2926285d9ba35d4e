"""Who got what: one outcome each, by the rules, in the order of the registrations, within capacity."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from tests.workflows.findings import OTHERS, Finding, Run
from tests.workflows.inputs import Bundle, Inputs, Row, supplier_of, wants_of

__all__ = ["MATCHING"]

_MASK = re.compile(r"\[(?:link|email|number|phone|postcode)\]")
# What Unicode calls default-ignorable and is neither a control nor a format character.
_IGNORED = (
    *(range(0x34F, 0x350), range(0x115F, 0x1161), range(0x17B4, 0x17B6), range(0x180B, 0x1810)),
    *(range(0x3164, 0x3165), range(0xFE00, 0xFE10), range(0xFFA0, 0xFFA1), range(0xE0000, 0xE1000)),
)


def _outcomes(run: Run) -> Iterator[Finding]:
    """Each row of the input in exactly one file, and in the audit, in order."""
    seen = Counter(row["row"] for row in run.rows("rejects.json"))
    for name in ("matches.json", "unmatched.json", "review.json", "failed.json"):
        for row in run.rows(name):
            index, _ = run.inputs.household(row["registration_id"])
            seen[index] += 1
            if row["registration_id"] in run.inputs.repeated:
                yield Finding("duplicate-used", row["registration_id"])
            if name != "matches.json" and row["source"].rpartition("/")[2] != str(index):
                yield Finding("source", row["source"])
    for index in range(len(run.inputs.rows)):
        if seen[index] != 1:
            yield Finding("outcomes", f"row {index} has {seen[index]}")
    ids = [row and row.get("RegistrationNumber") for row in run.inputs.rows]
    if [line["registration_id"] for line in run.audit] != [None if one is None else str(one) for one in ids]:
        yield Finding("audit-order", "not one line per registration, in order")


def _counts(run: Run) -> Iterator[Finding]:
    counts = {"matched": len(run.rows("matches.json"))} | {kind: len(run.rows(name)) for kind, name in OTHERS.items()}
    counts["registrations"] = len(run.inputs.rows)
    if run.files["run.json"]["counts"] != counts or sum(counts.values()) != 2 * counts["registrations"]:
        yield Finding("counts", f"{run.files['run.json']['counts']}, the files have {counts}")


def _plans(run: Run) -> Iterator[Finding]:
    """Where the rules leave no candidate, the outcome and its code; nowhere else such a code."""
    settled = {(line["registration_id"], line["outcome"]): line for line in run.audit if line["outcome"] != "rejected"}
    codes = {row["registration_id"]: row["codes"] for name in OTHERS.values() for row in run.rows(name)}
    own = {"withdrawn", "area-not-served", "product-not-offered", "quantity-unknown", "quantity-not-offered"}
    for registration_id, outcome in settled:
        _, household = run.inputs.household(registration_id)
        expected, code = _planned(run.inputs, household)
        found = codes.get(registration_id, [])
        if expected and (outcome != expected or found != [code]):
            yield Finding(code, f"{registration_id} is {outcome}: {found}")
        if not expected and own & set(found):
            yield Finding("plan", f"{registration_id} is {outcome}: {found}")


def _planned(inputs: Inputs, household: Row) -> tuple[str, str]:
    status = str(household.get("RegistrationStatus")).lower()
    if status in ("declined", "cancelled") and not inputs.include_withdrawn:
        return "unmatched", "withdrawn"
    if not wants_of(household):
        return "review", "quantity-unknown"
    if not inputs.serving(household):
        return "unmatched", "area-not-served"
    if not inputs.bundles(household):
        return "unmatched", "product-not-offered"
    return ("", "") if inputs.candidates(household) else ("review", "quantity-not-offered")


def _candidates(run: Run) -> Iterator[Finding]:
    for line, household, _ in run.decisions():
        if line["candidates"] != [_shown(bundle) for bundle in run.inputs.candidates(household)]:
            yield Finding("candidates", line["registration_id"])


def _shown(bundle: Bundle) -> Row:
    names, places = [p["ProductName"] for _, p in bundle.products], [place for place, _ in bundle.products]
    return {"id": bundle.id, "supplier_id": bundle.supplier["SupplierID"], "products": names, "source": places}


def _verdicts(run: Run) -> Iterator[Finding]:
    """A match is proven where both phases are; without a note all candidates are in one tier; words are the note's."""
    for line, household, record in run.decisions():
        match, order = line["phases"]
        note = _visible(str(household.get("Notes") or ""))
        if line["outcome"] != "matched":
            continue
        proven = match["verdict"] == order["verdict"] == "proven"
        if record["judgement"] != ("proven" if proven else "plausible"):
            yield Finding("judgement", line["registration_id"])
        if not note and match["decision"]["fit"] != [[offer["id"] for offer in line["candidates"]]]:
            yield Finding("tiers-without-note", line["registration_id"])
        words = [*match["decision"]["words"], *order["decision"]["words"]]
        if not all(_quoted(one, note) for one in words):
            yield Finding("words", line["registration_id"])


def _visible(text: str) -> str:
    """What can be seen of a note, in one line and in the form in which accents are part of their letters."""
    seen = "".join(" " if char.isspace() else char for char in text if char.isspace() or not _hidden(char))
    return " ".join(unicodedata.normalize("NFC", seen).split()).casefold()


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn") or any(ord(char) in one for one in _IGNORED)


def _quoted(words: str, note: str) -> bool:
    """Whether words stand in a note as whole words; a mask stands for what it hides."""
    parts = map(re.escape, _MASK.split(" ".join(words.split()).casefold()))
    return re.search(rf"(?<!\w){'.+?'.join(parts)}(?!\w)", note) is not None


def _matches(run: Run) -> Iterator[Finding]:
    """Each match serves the ZIP code and offers every wanted product."""
    for match in run.rows("matches.json"):
        about = match["registration_id"]
        _, household = run.inputs.household(about)
        supplier = supplier_of(run.inputs, match["supplier_id"])
        if supplier not in run.inputs.serving(household):
            yield Finding("area", about)
        if match["offer"] not in [_shown(bundle) for bundle in run.inputs.candidates(household)]:
            yield Finding("offer", about)
        if {kind for kind, _ in wants_of(household)} - {offer["ProductType"] for offer in supplier["Offers"]}:
            yield Finding("product", about)
        if _planned(run.inputs, household) == ("unmatched", "withdrawn"):
            yield Finding("withdrawn-matched", about)


def _balance(run: Run) -> Iterator[Finding]:
    """Replay every decision in order: the first tier with room, its least used supplier, that one's cheapest bundle."""
    used = dict(run.inputs.used_before)
    limits = {s["SupplierID"]: max(int(s["Capacity"]), used[s["SupplierID"]]) for s in run.inputs.suppliers}
    for line, household, record in run.decisions():
        held = line["outcome"] in ("review", "failed") and run.inputs.hold_reviews
        place = _place(run.inputs, used, _tiers(run.inputs, line, household, held=held), household)
        if line["outcome"] == "matched":
            found = (record["tier"], record["supplier_id"], record["offer"]["id"])
            if found != place:
                yield Finding("balance", f"{line['registration_id']} got {found}, due was {place}")
            used[record["supplier_id"]] += 1
        elif held and place:
            used[place[1]] += 1
        elif record["codes"] == ["capacity-exhausted"] and place:
            yield Finding("room-left", f"{line['registration_id']} could have had {place}")
    for name, limit in limits.items():
        if used[name] > limit:
            yield Finding("capacity-exceeded", name)


def _tiers(inputs: Inputs, line: Row, household: Row, *, held: bool) -> list[list[Bundle]]:
    """The tiers that were decided; all candidates in one where a place is held for a review."""
    bundles = {bundle.id: bundle for bundle in inputs.candidates(household)}
    if held:
        return [list(bundles.values())]
    match, order = ((phase.get("decision") or {}) for phase in line["phases"])
    tiers = [[bundles[one] for one in tier] for tier in match.get("fit") or []]
    if order.get("payment") == "loan":
        tiers = [[bundle for bundle in tier if _lends(bundle, household)] for tier in tiers]
    return [tier for tier in tiers if tier]


def _lends(bundle: Bundle, household: Row) -> bool:
    """Whether the supplier has loan terms and an instalment above 0 for each of the bundle's lines."""
    low_income = str(household.get("Contact_LowMediumIncome")) == "1"
    columns = ("LMILoanInstallment", "LoanInstallment") if low_income else ("LoanInstallment",)
    pairs = zip(bundle.products, bundle.cells(household), strict=True)
    rows = [product["ProductPrices"][cell.index] for (_, product), cell in pairs if cell]
    quoted = [any(float(row.get(column) or 0) > 0 for column in columns) for row in rows]
    return bool(bundle.supplier.get("InterestRate") and bundle.supplier.get("LoanTermMonths")) and all(quoted)


def _place(
    inputs: Inputs, used: dict[str, int], tiers: list[list[Bundle]], household: Row
) -> tuple[int, str, str] | None:
    """(tier, supplier, offer) that the rule gives; None where every tier is full."""
    order = {supplier["SupplierID"]: index for index, supplier in enumerate(inputs.suppliers)}
    for number, tier in enumerate(tiers, start=1):
        room = {b.supplier["SupplierID"]: int(b.supplier["Capacity"]) for b in tier}
        room = {name: capacity for name, capacity in room.items() if used[name] < capacity}
        if room:
            chosen = min(room, key=lambda s: (Fraction(used[s], room[s]), used[s] - room[s], order[s]))
            own = [bundle for bundle in tier if bundle.supplier["SupplierID"] == chosen]
            return number, chosen, min(own, key=lambda bundle: _total(bundle, household)).id
    return None


def _total(bundle: Bundle, household: Row) -> Decimal:
    return sum((cell.amount for cell in bundle.cells(household) if cell), Decimal(0))


def _capacity(run: Run) -> Iterator[Finding]:
    taken = Counter(match["supplier_id"] for match in run.rows("matches.json"))
    if run.files["run.json"]["capacity"] != run.rows("capacity.json"):
        yield Finding("capacity", "run.json differs from capacity.json")
    for supplier, account in zip(run.inputs.suppliers, run.rows("capacity.json"), strict=True):
        name, capacity = supplier["SupplierID"], int(supplier["Capacity"])
        before = run.inputs.used_before[name]
        used = before + taken[name] + account.get("held", 0)
        share = round(Decimal(100 * used) / capacity, 2) if capacity else Decimal(0)
        expected = {"supplier_id": name, "capacity": capacity, "used_before": before, "used": used, "used_pct": share}
        if {key: account.get(key) for key in expected} != expected or (used > capacity and used > before):
            yield Finding("capacity", name)


MATCHING = (_outcomes, _counts, _plans, _candidates, _verdicts, _matches, _balance, _capacity)
