"""The whole story, from the input to the order."""

from __future__ import annotations

from collections.abc import Iterator

from igent.domain.codes import in_words
from igent.story.choice import candidates, incentives
from igent.story.conversation import calls_made, phase_lines, unplaced
from igent.story.order import order_lines
from igent.story.text import Row, as_list, as_row, as_rows, as_text, visible

__all__ = ["story_lines"]


def story_lines(story: Row) -> list[str]:
    """The whole story, from the input to the order; no line holds a character that a terminal would not show."""
    told = [_head(story), _registration(story), candidates(story), incentives(story)]
    for one in as_rows(story.get("earlier")):
        told += [_pass(one), *map(phase_lines, as_rows(one["phases"]))]
    told += [_pass(story)] if story.get("earlier") else []
    told += map(phase_lines, as_rows(story["phases"]))
    told += [unplaced(story), calls_made(story), _end(story)]
    return [visible(line) for block in map(list, told) if block for line in [*block, ""]][:-1]


def _head(story: Row) -> Iterator[str]:
    run, inputs = as_row(story["run"]), as_row(story["inputs"])
    yield f"{story['registration_id']}: {story['outcome']}"
    constellation = str(run["constellation"]).rpartition("/")[2].removesuffix(".yaml")
    yield f"run       {constellation} on {run['model']}, as of {run['as_of']}, begun {run['started']}"
    yield f"          {run['directory']}"
    if inputs["unchanged"]:
        yield "inputs    as the run read them: what follows is rendered anew from them"
    elif changed := as_list(inputs.get("changed")):
        yield f"inputs    not what the run read, since these have changed: {', '.join(map(str, changed))}"
    if inputs.get("problem"):
        yield f"inputs    {inputs['problem']}; what follows is the journal's"


def _registration(story: Row) -> Iterator[str]:
    about = as_row(story.get("registration"))
    if not about:
        return
    yield f"HOUSEHOLD  {about['source']}"
    if "problem" in about:
        yield f"  {about['problem']}"
    for title, key in (("as it stands", "fields"), ("as models see it", "facts")):
        values = as_row(about.get(key))
        if values:
            yield f"  {title}"
            yield from (f"    {name}: {as_text(value)}" for name, value in values.items())
    if note := as_row(about.get("note")):
        yield f"  note, {note['source']}"
        yield f"    {as_text(note['text'])}" if note["text"] else f"    {note['problem']}"


def _pass(one: Row) -> Iterator[str]:
    codes = "".join(f", {in_words(str(code))}" for code in as_list(one.get("codes")))
    yield f"PASS {one['pass']}: {one['outcome']}{codes}"


def _end(story: Row) -> Iterator[str]:
    review = as_row(story.get("review"))
    if row := as_row(story.get("row")):
        yield f"OUTCOME {story['outcome']}"
        yield from (f"  {code}: {in_words(str(code))}" for code in as_list(row["codes"]))
        more = ("phase", "error", "problem", "suppliers", "held")
        yield from (f"  {key}: {as_text(row[key])}" for key in more if key in row)
    if review:
        said = f": {review['comment']}" if review["comment"] else ""
        yield f"REVIEW {review['action']} by {review['by']} at {review['at']}{said}"
    decided = review or story
    if match := as_row(decided.get("match")):
        yield f"MATCH {match['supplier_id']}, {match['judgement']}: {match['reason']}"
    if order := as_row(decided.get("order")):
        yield from order_lines(order, story)
