"""The candidates of a household and why one was chosen; its incentives by their own conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from igent.domain.codes import in_words
from igent.domain.records import Json
from igent.story.order import gone, terms_of
from igent.story.text import Row, as_list, as_row, as_rows

__all__ = ["candidates", "incentives"]

_TIE = "; of equal shares more room goes first, then file order"


def candidates(story: Row) -> Iterator[str]:
    """Each candidate, where it stands, and why it was chosen or not."""
    offers, sources = as_rows(story.get("candidates")), as_row(story.get("sources"))
    if not offers:
        return
    why = _choice(story)
    yield "CANDIDATES"
    for offer in offers:
        total = f", {offer['total']} in all" if "total" in offer else ""
        yield f"  {offer['id']:<4} {offer['supplier_id']}: {', '.join(map(str, as_list(offer['products'])))}{total}"
        yield from (f"       {source}{gone(source, sources)}" for source in map(str, as_list(offer["source"])))
        if name := why.get(str(offer["id"])):
            yield f"       {name}"


def _choice(story: Row) -> dict[str, str]:
    """Why each candidate was or was not chosen, by its id; empty where no place was given."""
    if match := as_row(as_row(story.get("review")).get("match")):
        return {str(as_row(match["offer"])["id"]): str(match["reason"])}
    place = as_row(story.get("allocation"))
    if not place:
        return {}
    decision = as_row(as_rows(story["phases"])[0].get("decision"))
    # A place is kept for a review by the rule over all candidates, whatever was proposed.
    tiers = as_list(decision.get("fit")) if "match" in story else []
    tier_of = {str(offer): number for number, tier in enumerate(tiers, start=1) for offer in as_list(tier)}
    best = as_row(story["run"]).get("allocation") == "optimal"
    told = {str(offer["id"]): _why(offer, place, tier_of, best=best) for offer in as_rows(story["candidates"])}
    reason = as_row(story.get("match")).get("reason", "its place is kept until a person has decided")
    chosen = "chosen in an earlier run, and kept" if story.get("kept") else "chosen"
    return told | {str(place["offer"]): f"{chosen}: {reason}"}


def _why(offer: Row, place: Row, tier_of: Mapping[str, int], *, best: bool) -> str:
    """Why an offer was not chosen; `tier_of` is empty where nobody has told offers apart.

    `best` says that all registrations were allocated together.
    """
    key, chosen, supplier = str(offer["id"]), str(place["offer"]), offer["supplier_id"]
    shares = {one["supplier_id"]: f"{one['used']} of {one['capacity']} used" for one in as_rows(place["considered"])}
    mine, tier = shares.get(place["supplier_id"], ""), tier_of.get(chosen, 1)
    if tier_of and key not in tier_of:
        return "not chosen: not among the acceptable offers"
    if best and supplier != place["supplier_id"]:
        return "not chosen: all registrations together go best with the chosen one here"
    if tier_of.get(key, tier) > tier:
        return f"not chosen: in tier {tier_of[key]}, and tier {tier} had room"
    if supplier == place["supplier_id"]:
        return "not chosen: another bundle of the chosen supplier, and not cheaper"
    if supplier in shares and tier_of.get(key, tier) == tier:
        return f"not chosen: {shares[supplier]}, against {mine}" + (_TIE if _equal(place, supplier) else "")
    return "not chosen: no place left, or no loan where one was wanted"


def _equal(place: Row, supplier: Json) -> bool:
    """Whether a supplier's share is that of the chosen one, as whole numbers tell it."""
    considered = as_rows(place["considered"])
    pairs = {one["supplier_id"]: (int(str(one["used"])), int(str(one["capacity"]))) for one in considered}
    (used, capacity), (mine, room) = pairs[supplier], pairs[place["supplier_id"]]
    return used * room == mine * capacity


def incentives(story: Row) -> Iterator[str]:
    """Where each incentive stands for the household; those that are not for it are counted."""
    found = as_rows(story.get("incentives"))
    if not found:
        return
    yield "INCENTIVES by their own conditions"
    for one in found:
        if one["stands"] != "excluded":
            reason = f" ({in_words(str(one['reason']))})" if one["reason"] else ""
            shown = f", shown as {one['shown_as']}" if one["shown_as"] else ""
            yield f"  {one['name']}: {one['stands']}{shown}{reason}; {terms_of(one)}"
            yield f"       {one['source']}"
    excluded = Counter(str(one["reason"]) for one in found if one["stands"] == "excluded")
    if excluded:
        yield f"  not for this household: {', '.join(f'{count} by {reason}' for reason, count in excluded.items())}"
