"""What the codes of outcomes, verdicts and standings mean, in words for the person who has to act on them."""

from __future__ import annotations

__all__ = ["WORDS", "in_words"]

WORDS = {
    "amount-unclear": "its amount cannot be computed from what is stated",
    "area-not-served": "no supplier serves the area",
    "capacity-exhausted": "no acceptable supplier had a place left",
    "ceiling": "only the most that it can pay is stated",
    "ceiling-unclear": "whether the amount is what it pays or the most that it pays is not stated",
    "critic-undecided": "the critic could not say whether the proposal is right",
    "critic-unreadable": "the critic's answer could not be read",
    "exceeds-price": "it would exceed what is left of the price",
    "financing-not-offered": "a loan is wanted, and no acceptable supplier quotes one for every line",
    "incentive": "the critic objects to how an incentive was judged",
    "incentive-missing": "an incentive that was to be judged was left out",
    "incentive-unknown": "the answer names an incentive that was not shown",
    "income-condition-unclear": "whether it is for this income is not stated",
    "internal-error": "igent failed, which is a bug",
    "judgement-plausible": "the answer breaks no rule, but it is a judgement, which this run leaves to a person",
    "model-locked": "the provider refused the key",
    "model-refused": "the model refused to answer",
    "model-rejected": "the provider refused the request",
    "model-timeout": "the model did not answer in time",
    "model-unavailable": "the model could not be reached",
    "no-acceptable-offer": "no offer was found acceptable, which a person should confirm",
    "not-combinable": "another incentive may exclude it",
    "not-judged": "it was not judged, since the phase before settled nothing",
    "note-ignored": "the critic objects that the note was not heeded",
    "note-too-long": "the note is too long to be shown to a model",
    "offer-excluded": "the critic objects to an offer that was left out or kept",
    "offer-repeated": "the answer names an offer twice",
    "offer-unknown": "the answer names an offer that was not shown",
    "other": "the critic objects for another reason",
    "payment": "the critic objects to the payment",
    "payment-without-note": "a loan was proposed though there is no note",
    "performance-based": "it depends on what is produced, year by year",
    "prerequisite": "another incentive is needed first",
    "product-not-offered": "no supplier in the area sells what is wanted",
    "prose-condition": "its condition in prose could not be judged",
    "quantity-not-offered": "no supplier has a price for the quantity or one next to it",
    "quantity-unknown": "how much is wanted is not stated",
    "reply-cut-off": "the answer was longer than it may be",
    "reply-unreadable": "the answer has not the asked form",
    "review-rejected": "a person decided against a match",
    "row-invalid": "the row cannot be used",
    "ruling-incomplete": "an incentive was not judged for every offer",
    "tier-empty": "the answer has a tier without offers",
    "tier-order": "the critic objects to the order of the offers",
    "tiers-without-note": "the answer tells offers apart though there is no note",
    "too-many-offers": "there are more candidates than can be shown",
    "undecided": "the model could not tell from the note what is wanted",
    "undecided-without-note": "the answer leaves open what the rules decide",
    "vetoed": "the critic objected to every proposal",
    "withdrawn": "the household has withdrawn",
    "words-missing": "the answer quotes nothing of the note for what it decides",
    "words-not-in-note": "the answer quotes words that are not in the note",
}


def in_words(code: str) -> str:
    """What a code means; a code without words of its own, such as a missing fact, is its own text."""
    return WORDS.get(code, code)
