"""The bundled constellations say what their names say, and every mistake is named with its line and its remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.constellation import MAX_CHARACTERS, SWITCHES, Constellation, parse_constellation
from igent.errors import ConstellationError

FOLDER = Path(__file__).parents[1] / "constellations"

GOOD = """\
name: sample
description: A sample.
conversation: separate
phases:
  - name: phase1
    task: match
    agents:
      - {role: rules, name: rules1}
      - {role: matcher, name: matcher, prompt: matcher}
      - role: critic
        name: critic
        prompt: ./prompts/strict-critic.md
        model: claude-haiku-4-5
        effort: low
        max_tokens: 64
  - name: phase2
    task: order
    agents:
      - {role: matcher, name: matcher2, prompt: matcher2, thinking: true}
critic: always
max_rounds: 3
allocation: balanced
optimization:
  parallel_phases: true
  early_json: true
  context_filter: true
  prompt_caching: false
  response_cache: true
  critic_skip: true
  batch: {max_items: 1}
"""
PHASES = GOOD[GOOD.index("phases:") + 7 : GOOD.index("critic: always")]
PHASE2 = GOOD[GOOD.index("  - name: phase2") : GOOD.index("critic: always")]
AGENTS2 = PHASE2[PHASE2.index("    agents:") :]
MATCHER2 = "{role: matcher, name: matcher2, prompt: matcher2, thinking: true}"


def _bundled(name: str) -> Constellation:
    return parse_constellation((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), file=f"{name}.yaml")


@pytest.mark.parametrize(
    ("name", "phase1", "phase2"),
    [
        ("p1m1_p2m2", ["matcher"], ["matcher2"]),
        ("p1m1m2c", ["matcher", "critic"], ["matcher2"]),
        ("p1m1c1_p2m2c2", ["matcher", "critic"], ["matcher2", "critic2"]),
        ("p1m1c1m2c2", ["matcher", "critic"], ["matcher2", "critic2"]),
        ("p1r_p2r", ["", "matcher"], ["", "matcher2"]),
    ],
)
def test_a_bundled_file_has_the_agents_of_its_name(name: str, phase1: list[str], phase2: list[str]) -> None:
    spec = _bundled(name)
    assert spec.name == name
    assert [[agent.prompt for agent in phase.agents] for phase in spec.phases] == [phase1, phase2]
    agents = [agent for phase in spec.phases for agent in phase.agents]
    assert [agent.role for agent in agents] == [agent.prompt.rstrip("2") or "rules" for agent in agents]


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.iterdir()))
def test_a_bundled_file_has_the_shared_defaults(name: str) -> None:
    spec = _bundled(name)
    shared = name == "p1m1c1m2c2"
    assert (spec.critic, spec.max_rounds, spec.allocation) == ("when-unproven", 2, "balanced")
    assert spec.conversation == ("shared" if shared else "separate")
    on = {switch for switch in SWITCHES if getattr(spec.optimization, switch)}
    assert on == {*SWITCHES} - ({"parallel_phases"} if shared else set())
    assert spec.optimization.batch.max_items == 1


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bundled_file_writes_out_every_switch(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [switch for switch in SWITCHES if not re.search(rf"^  {switch}: (true|false)$", text, re.MULTILINE)] == []


def test_every_field_is_read() -> None:
    spec = parse_constellation(GOOD, file="sample.yaml")
    first, second = spec.phases
    critic = first.critic
    assert critic is not None
    assert (critic.prompt, critic.model, critic.effort) == ("./prompts/strict-critic.md", "claude-haiku-4-5", "low")
    assert (critic.thinking, second.matcher.thinking) == (False, True)
    assert (spec.optimization.prompt_caching, spec.optimization.response_cache) == (False, True)
    assert (critic.max_tokens, first.matcher.max_tokens, spec.optimization.batch.max_tokens) == (64, 512, 4096)
    assert (first.rules_first, second.rules_first, second.critic) == (True, False, None)
    assert (first.matcher.name, second.matcher.name) == ("matcher", "matcher2")
    assert (spec.critic, spec.max_rounds) == ("always", 3)


@pytest.mark.parametrize(
    "model", ["claude-haiku-5-5", "gpt-5.1", "openai:gpt-5-mini", "openai:llama3.3:70b", "openai:zai-org/GLM-4.6_FP8"]
)
def test_a_model_is_named_as_its_provider_names_it(model: str) -> None:
    text = GOOD.replace("claude-haiku-4-5", model)
    critic = parse_constellation(text, file="sample.yaml").phases[0].critic
    assert critic is not None
    assert critic.model == model


# What is written instead, the line, a part of the problem, and a part of the remedy.
Row: TypeAlias = tuple[str, str, int, str, str]

OF_ONE_FIELD: list[Row] = [
    ("always", "sometimes", 20, "'critic' cannot be 'sometimes'", "; allowed: always, when-unproven, never"),
    (
        "critic: always",
        "critc: always",
        20,
        "unknown key 'critc'",
        "Did you mean 'critic'? allowed: name, description,",
    ),
    (
        "effort",
        "effrot",
        14,
        "unknown key 'effrot'",
        "'effort'? allowed: role, name, prompt, model, effort, thinking, max_tokens",
    ),
    ("early_json", "eager", 25, "unknown key 'eager'", "; allowed: parallel_phases, early_json, context_filter,"),
    ("max_items", "size", 30, "unknown key 'size'", "; allowed: max_items, max_tokens"),
    (
        "allocation:",
        "<<: {}\nallocation:",
        22,
        "unknown key '<<'",
        "; allowed: name, description, conversation, phases",
    ),
    ("max_rounds: 3\n", "", 1, "'max_rounds' is missing", "Add it; allowed: a whole number from 1 to 5"),
    ("  critic_skip: true\n", "", 23, "'critic_skip' is missing", "Add it; allowed: true, false"),
    ("critic: always", "critic:", 20, "'critic' cannot be empty", "; allowed: always, when-unproven, never"),
    ("early_json: true", "early_json: yes", 25, "'early_json' cannot be 'yes'", "; allowed: true, false"),
    ("early_json: true", "early_json: off", 25, "'early_json' cannot be 'off'", "; allowed: true, false"),
    ("early_json: true", "early_json: True", 25, "'early_json' cannot be 'True'", "; allowed: true, false"),
    ("early_json: true", "early_json: 'true'", 25, "'early_json' cannot be 'true'", "; allowed: true, false"),
    ("early_json: true", "early_json: 1", 25, "'early_json' cannot be 1", "; allowed: true, false"),
    ("max_items: 1", "max_items: true", 30, "'max_items' cannot be true", "; allowed: a whole number from 1"),
    ("max_tokens: 64", "max_tokens: 0100", 15, "'max_tokens' cannot be '0100'", "a whole number from 16 to 8192"),
    ("max_tokens: 64", "max_tokens: 1:30", 15, "'max_tokens' cannot be '1:30'", "a whole number from 16 to 8192"),
    ("max_tokens: 64", "max_tokens: 15", 15, "'max_tokens' cannot be 15", "a whole number from 16 to 8192"),
    ("max_tokens: 64", "max_tokens: 8193", 15, "'max_tokens' cannot be 8193", "a whole number from 16 to 8192"),
    ("max_rounds: 3", "max_rounds: 3.0", 21, "'max_rounds' cannot be '3.0'", "a whole number from 1 to 5"),
    ("max_rounds: 3", "max_rounds: 0", 21, "'max_rounds' cannot be 0", "a whole number from 1 to 5"),
    ("max_rounds: 3", "max_rounds: 6", 21, "'max_rounds' cannot be 6", "a whole number from 1 to 5"),
    ("role: critic", "role: judge", 10, "'role' cannot be 'judge'", "; allowed: rules, matcher, critic"),
    ("effort: low", "effort: max", 14, "'effort' cannot be 'max'", "; allowed: low, medium, high"),
    ("balanced", "fairest", 22, "'allocation' cannot be 'fairest'", "; allowed: balanced, optimal"),
    ("separate", "apart", 3, "'conversation' cannot be 'apart'", "; allowed: separate, shared"),
    ("name: sample", "name: ../sample", 1, "'name' cannot be '../sample'", "; allowed: a lower-case name"),
    ("name: sample", "name: 7", 1, "'name' cannot be 7", "; allowed: a lower-case name"),
    ("A sample.", '"a\\eb"', 2, "'description' cannot be 'a\\x1bb'", "; allowed: one line of at most 300"),
    ("name: critic\n", "name: critic-1\n", 11, "'name' cannot be 'critic-1'", "; allowed: an identifier"),
    ("claude-haiku-4-5", "os.path", 13, "'model' cannot be 'os.path'", "never an import path"),
    ("claude-haiku-4-5", "a.b:C", 13, "'model' cannot be 'a.b:C'", "never an import path"),
    ("claude-haiku-4-5", "azure:gpt-5", 13, "'model' cannot be 'azure:gpt-5'", "never an import path"),
    ("claude-haiku-4-5", '"openai:"', 13, "'model' cannot be 'openai:'", "never an import path"),
    ("claude-haiku-4-5", "openai:../gpt", 13, "'model' cannot be 'openai:../gpt'", "never an import path"),
    ("claude-haiku-4-5", "openai:gpt 5", 13, "'model' cannot be 'openai:gpt 5'", "never an import path"),
    ("thinking: true", "thinking: yes", 19, "'thinking' cannot be 'yes'", "; allowed: true, false"),
    ("thinking: true", "thinking: high", 19, "'thinking' cannot be 'high'", "; allowed: true, false"),
    ("./prompts/strict", "../strict", 12, "'prompt' cannot be '../strict-critic.md'", "a relative path to .md"),
    ("./prompts/strict", "/strict", 12, "'prompt' cannot be '/strict-critic.md'", "a relative path to .md"),
    ("strict-critic.md", "x.txt", 12, "'prompt' cannot be './prompts/x.txt'", "a relative path to .md"),
    (
        "{role: rules, name: rules1}",
        "rules",
        8,
        "item 1 of 'agents' cannot be 'rules'",
        "a mapping with the keys role,",
    ),
    ("{max_items: 1}", "[1]", 30, "'batch' cannot be a list of 1", "a mapping with the keys max_items, max_tokens"),
    (PHASES, " two\n", 4, "'phases' cannot be 'two'", "; allowed: two phases, of task match and then order"),
    (GOOD, "- a\n- b\n", 1, "the document cannot be a list of 2", "a mapping with the keys name, description,"),
]

BETWEEN_FIELDS: list[Row] = [
    (PHASE2, "", 4, "item 2 of 'phases' is missing", "; allowed: two phases, of task match and then order"),
    ("critic: always", "  - a\ncritic: always", 4, "'phases' cannot be a list of 3", "; allowed: two phases"),
    ("task: match", "task: order", 6, "phase 1 has the task 'order'", "; allowed: match"),
    ("task: order", "task: match", 17, "phase 2 has the task 'match'", "; allowed: order"),
    ("name: phase2", "name: phase1", 16, "both phases have the same name", "Give each phase its own name"),
    (AGENTS2, "    agents: []\n", 18, "phase 'phase2' has no matcher", "then exactly one matcher"),
    (MATCHER2, "{role: rules, name: r}", 18, "phase 'phase2' has no matcher", "then exactly one matcher"),
    (
        MATCHER2,
        "{role: matcher, name: m, prompt: m}\n      - " + MATCHER2,
        20,
        "a matcher after a matcher",
        "exactly one",
    ),
    ("role: critic", "role: matcher", 10, "a matcher after a matcher", "then exactly one matcher"),
    (
        "- {role: matcher, name: matcher,",
        "- {role: critic, name: c,",
        10,
        "a critic after a critic",
        "at most one critic",
    ),
    (
        "{role: rules, name: rules1}",
        "{role: critic, name: c, prompt: c}",
        9,
        "a matcher after a critic",
        "then at most",
    ),
    (MATCHER2, MATCHER2 + "\n      - {role: rules, name: r}", 20, "a rules after a matcher", "at most one rules, then"),
    ("name: matcher2", "name: matcher", 19, "a second agent is named 'matcher'", "Give each agent its own name"),
    (", prompt: matcher}", "}", 9, "agent 'matcher' has no prompt", "for example prompt: matcher"),
    ("rules1}", "rules1, prompt: p}", 8, "agent 'rules1' has the key 'prompt'", "; allowed: role, name"),
    ("rules1}", "rules1, model: m}", 8, "agent 'rules1' has the key 'model'", "; allowed: role, name"),
    ("rules1}", "rules1, effort: low}", 8, "agent 'rules1' has the key 'effort'", "; allowed: role, name"),
    ("separate", "shared", 24, "in a shared conversation phase 2 waits", "; allowed: false"),
    ("rules1}", "rules1, thinking: true}", 8, "agent 'rules1' has the key 'thinking'", "; allowed: role, name"),
    ("max_items: 1", "max_items: 65", 30, "'max_items' cannot be 65", "; allowed: a whole number from 1 to 64"),
]

OF_YAML: list[Row] = [
    ("allocation: balanced", "critic: never", 22, "the key 'critic' is there twice", "Remove one of the two"),
    ("{max_items: 1}", "{max_items: 1, max_items: 1}", 30, "the key 'max_items' is there twice", "Remove one"),
    ("critic: always", "critic: &a always", 20, "it has an anchor, an alias or a tag", "no anchors, aliases or tags"),
    ("critic: always", "critic: *a", 20, "it has an anchor, an alias or a tag", "no anchors, aliases or tags"),
    (
        "critic: always",
        "critic: !!str always",
        20,
        "it has an anchor, an alias or a tag",
        "no anchors, aliases or tags",
    ),
    ("critic: always", "[critic]: always", 20, "a key is not a plain word", "Write plain YAML"),
    ("  early_json", "\tearly_json", 25, "found character '\\t'", "two spaces of indent"),
    ("{max_items: 1}", "[1", 31, "while parsing a flow sequence, expected ',' or ']'", "Write plain YAML"),
    (GOOD, GOOD + "---\nname: b\n", 31, "but found another document", "Write plain YAML"),
    ("A sample.", "A \x07 sample.", 2, "it holds a character that YAML does not allow", "Write plain YAML"),
    ("A sample.", '"\\UFFFFFFFF"', 0, "an escape that YAML does not allow", "Write plain YAML"),
    (GOOD, "%YAML 1." + "1" * 5000 + "\n---\n", 0, "a number or an escape that YAML does not allow", "Write plain"),
    ("A sample.", "[" * 9 + "]" * 9, 2, "it nests more than 8 deep", "Write plain YAML"),
    (GOOD, "# nothing\n", 0, "it holds nothing", "Write plain YAML"),
    (GOOD, "#" * (MAX_CHARACTERS + 1), 0, "it has 65537 characters, more than 65536", "Write plain YAML"),
]


ROWS = OF_ONE_FIELD + BETWEEN_FIELDS + OF_YAML


@pytest.mark.parametrize(("old", "new", "line", "problem", "remedy"), ROWS, ids=[row[3] for row in ROWS])
def test_a_mistake_is_named_with_its_line_and_remedy(old: str, new: str, line: int, problem: str, remedy: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConstellationError) as caught:
        parse_constellation(GOOD.replace(old, new), file="sample.yaml")
    assert (caught.value.file, caught.value.line) == ("sample.yaml", line)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_text_of_the_largest_size_is_read() -> None:
    assert parse_constellation(GOOD.ljust(MAX_CHARACTERS, "#"), file="sample.yaml").name == "sample"


def test_a_folded_description_is_one_line() -> None:
    folded = GOOD.replace("A sample.", ">\n  A longer\n  sample.\n")
    assert parse_constellation(folded, file="sample.yaml").description == "A longer sample."


TOKENS = ["\n", "  ", "- ", ": ", "? ", "&a ", "!", "%YAML 9.9\n", "---\n", "'", '"', "\\ud800", "{", "[", "|"]


@given(st.data())
def test_any_text_is_a_constellation_or_a_named_mistake(data: st.DataObject) -> None:
    token = st.sampled_from(TOKENS)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))))
    text = GOOD[:start] + data.draw(st.text() | st.lists(token).map("".join)) + GOOD[stop:]
    assert _line_of_mistake(text) in range(len(text.splitlines()) + 2)


def _line_of_mistake(text: str) -> int:
    try:
        parse_constellation(text, file="sample.yaml")
    except ConstellationError as mistake:
        return mistake.line
    return 0
