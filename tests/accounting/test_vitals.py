from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.accounting.vitals import LAG_S, MEMORY_BYTES, SAMPLES, Sample, Vitals, samples_from_record

CALM = Sample(0, MEMORY_BYTES, round(LAG_S * 1e6))


def warned(vitals: Vitals, *samples: Sample) -> list[object]:
    return [about["what"] for sample in samples for _, about in vitals.add(sample)]


def test_what_is_at_its_bound_is_not_past_it() -> None:
    assert warned(Vitals(), CALM) == []


def test_each_is_told_once_however_often_it_is_past_its_bound() -> None:
    heavy, late = CALM._replace(memory_bytes=MEMORY_BYTES + 1), CALM._replace(lag_us=CALM.lag_us + 1)
    assert warned(Vitals(), heavy, late, heavy, late) == ["memory", "event-loop-lag"]


def test_a_warning_says_how_much_and_how_much_was_allowed() -> None:
    [(text, about)] = Vitals().add(Sample(0, 0, 730_000))
    assert "0.73 s late, more than 0.5" in text
    assert about == {"what": "event-loop-lag", "seconds": 0.73, "bound_seconds": 0.5}


def test_the_bound_of_memory_is_what_it_was_given() -> None:
    [(text, about)] = Vitals(memory_bytes=100 * 2**20).add(Sample(0, 150 * 2**20, 0))
    assert "150 MiB of memory, more than 100" in text
    assert about == {"what": "memory", "bytes": 150 * 2**20, "bound_bytes": 100 * 2**20}


def test_nobody_has_looked() -> None:
    assert Vitals().as_record() == {"peak_memory_bytes": None, "max_lag_seconds": None}


@settings(max_examples=25)
@given(st.integers(1, 6 * SAMPLES), st.data())
def test_however_long_it_goes_on_the_worst_of_each_is_kept_in_bounded_space(count: int, data: st.DataObject) -> None:
    heavy, late = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    vitals = Vitals()
    warned(vitals, *(Sample(at, 9 if at == heavy else 1, 8 if at == late else 0) for at in range(count)))
    assert len(vitals.samples) < SAMPLES
    assert max(one.memory_bytes for one in vitals.samples) == 9
    assert max(one.lag_us for one in vitals.samples) == 8
    assert vitals.as_record() == {"peak_memory_bytes": 9, "max_lag_seconds": 8e-6}
    assert [one.at_us for one in vitals.samples] == sorted({one.at_us for one in vitals.samples})
    assert vitals.samples[-1].at_us == count - 1


def test_looks_come_back_from_the_journal_as_they_were() -> None:
    vitals = Vitals()
    warned(vitals, CALM, Sample(5, 6, 7))
    assert [*samples_from_record(vitals.record())] == vitals.samples == [CALM, Sample(5, 6, 7)]


@pytest.mark.parametrize("row", [None, [1, 2], [1, 2, "3"], {"at": 1}])
def test_no_other_row_is_a_look(row: list[int] | None) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        [*samples_from_record([row])]  # type: ignore[list-item]
