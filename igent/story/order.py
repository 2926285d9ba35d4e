"""An order with the place in the input of every number in it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from igent.domain.codes import in_words
from igent.story.text import Row, as_list, as_row, as_rows, as_text, json_of

__all__ = ["gone", "order_lines", "terms_of"]

_DETAILS = ("unit", "price_per", "contract", "vat_percent")


def order_lines(order: Row, story: Row) -> Iterator[str]:
    """The order, line by line."""
    sources = as_row(story.get("sources"))
    terms = {str(one["id"]): terms_of(one) for one in as_rows(story.get("incentives"))}
    yield f"ORDER {order['po_id']}, {order['payment_type']}, in {order['currency']}"
    for line in as_rows(order["lines"]):
        wanted = f" (wanted: {line['quantity_wanted']})" if "quantity_wanted" in line else ""
        more = [f"{name.replace('_', ' ')} {line[name]}" for name in _DETAILS if name in line]
        yield f"  {line['quantity']} x {line['product_name']}{wanted}: {line['price']}" + "".join(
            f", {m}" for m in more
        )
        yield from _places(line, sources)
    yield f"  subtotal {order['subtotal']}"
    for one in as_rows(order["incentives"]):
        computed = f"; {terms[str(one['id'])]}" if str(one["id"]) in terms else ""
        yield f"  {one['name']}: {_grant(one)}{computed}"
        yield f"       {one['source']}{gone(str(one['source']), sources)}"
        yield from _computed(as_row(one.get("computed")))
        yield from _quoted(one, sources)
    if financing := as_row(order.get("financing")):
        rate = f"at {financing['rate_percent']} %"
        yield f"  loan: {financing['instalment']} a month for {financing['months']} months {rate}"
        yield from _places(financing, sources)
    yield f"  incentives {order['incentive_total']}, due {order['amount_due']}, net {order['net_total']}"


def _grant(entry: Row) -> str:
    if "amount" in entry:
        return f"{entry['amount']}, {entry['basis']}, {entry['timing']}"
    more = f", at most {entry['at_most']}" if "at_most" in entry else ""
    more += f", estimated {entry['estimate']} a year" if "estimate" in entry else ""
    return f"undecided, {in_words(str(entry['undecided']))}{more}"


def _quoted(entry: Row, sources: Row) -> Iterator[str]:
    """The words that a judgement relies on and those that name its amount, with their characters in the file."""
    for part, name in (("cited", "judged by the words"), ("amount_stated", "its amount")):
        if found := as_row(entry.get(part)):
            words, place = json_of(found["text"]), str(found["source"])
            yield f"       {name} {words}, [{found['start']}:{found['end']}] of {place}{gone(place, sources)}"


def _computed(yearly: Row) -> Iterator[str]:
    """How a year's estimate was computed, from which facts, and how far off it may be."""
    if yearly:
        factors = f"{yearly['kwp']} kWp x {yearly['kwh_per_kwp']} kWh a year for each x {yearly['rate_per_kwh']}"
        known = {"kwp", "kwh_per_kwp", "rate_per_kwh", "uncertainty", "source"}
        facts = [f"{name.replace('_', ' ')} {value}" for name, value in yearly.items() if name not in known]
        yield f"       {factors} ({', '.join(facts)}), off by up to {yearly['uncertainty']}"
        yield f"       {yearly['source']}"


def _places(value: Row, sources: Row) -> Iterator[str]:
    """Every source within a value, with what stands there now; a part of a price with what it was computed from."""
    for key, one in value.items():
        if key.endswith("source"):
            for place in map(str, one if isinstance(one, list) else [one]):
                now = f" = {as_text(sources[place])}" if sources.get(place) is not None else gone(place, sources)
                yield f"       {place}{now}"
    for part in as_rows(value.get("parts")):
        yield f"     {part['part']}: {part['quantity']} x {part['rate']}"
        yield from _places(part, sources)


def gone(place: str, sources: Row) -> str:
    """A remark where a source has led somewhere and leads nowhere now."""
    return " (not there any more)" if place in sources and sources[place] is None else ""


def terms_of(incentive: Row) -> str:
    """What an incentive pays, and on what."""
    terms = as_row(incentive.get("terms"))
    if amounts := as_row(incentive.get("amounts")):
        return f"of {', '.join(f'{name} {json_of(words)}' for name, words in amounts.items())} the one that is judged"
    if not terms:
        return "no amount that can be computed"
    number = Decimal(str(terms["number"]))
    kinds = {"percent": f"{(100 * number).normalize():f} %", "dollars_per_unit": f"{number} per {terms['unit']}"}
    bounds = [f"at {word} {terms[key]}" for key, word in (("minimum", "least"), ("maximum", "most")) if terms[key]]
    types = " and ".join(map(str, as_list(incentive["product_types"])))
    return ", ".join([f"{kinds.get(str(terms['kind']), str(number))} on {types}", *bounds])
