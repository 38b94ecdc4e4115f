"""Cells as arrays: what goes in comes out, in any order, from any number of parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinscape.backend.contracts.cell_arrays import Cells, among, joined, merged
from kinscape.backend.contracts.cells import Cell, Estimate, IntervalKind, Reason, Why

FAILED = Reason(why=Why.FAILED, sentence="Something broke.")


def estimate(value: float, **more: object) -> Estimate:
    return Estimate(
        value=value,
        low=value - 1,
        high=value + 1,
        interval=IntervalKind.SAMPLING,
        method="jackknife",
        n=100,
        replicates=(value - 0.5, value + 0.5),
        **more,
    )


numbers = st.floats(-1e6, 1e6)
cell = st.one_of(
    st.builds(estimate, numbers),
    st.builds(estimate, numbers, notes=st.just({"chance": 0.5, "bins": 3}), series=st.just({"x": (1.0, None)})),
    st.builds(lambda v: Estimate(value=v, warning="few samples"), numbers),
    st.just(FAILED),
)
pairs = st.tuples(st.integers(1, 6), st.integers(1, 6))


@given(st.dictionaries(pairs, cell))
def test_a_cell_comes_out_as_it_went_in(given_cells: dict[tuple[int, int], Cell]) -> None:
    cells = Cells.of(given_cells)
    assert len(cells) == len(given_cells)
    index = cells.index(range(1, 7))
    for (a, b), value in given_cells.items():
        assert cells.cell(int(index[a - 1, b - 1])) == value
    assert (index >= 0).sum() == len(given_cells)


@given(st.dictionaries(pairs, cell), st.dictionaries(pairs, cell))
def test_a_new_cell_takes_the_place_of_an_old_one(
    old: dict[tuple[int, int], Cell], new: dict[tuple[int, int], Cell]
) -> None:
    both = merged(Cells.of(old), Cells.of(new))
    found = {(int(both.a[k]), int(both.b[k])): both.cell(k) for k in range(len(both))}
    assert found == old | new


@given(st.dictionaries(pairs, cell))
def test_each_cell_lies_in_the_row_of_its_later_checkpoint(given_cells: dict[tuple[int, int], Cell]) -> None:
    rows = dict(Cells.of(given_cells).by_row())
    for (later, is_first), part in rows.items():
        for a, b in zip(part.a.tolist(), part.b.tolist(), strict=True):
            assert later == max(a, b)
            assert is_first == (a > b)
    assert sum(map(len, rows.values())) == len(given_cells)


@given(st.lists(pairs, max_size=12), st.lists(pairs, max_size=12))
def test_pairs_are_found_among_others(some: list[tuple[int, int]], known: list[tuple[int, int]]) -> None:
    arrays = [np.array(x, dtype=np.int64).reshape(-1, 2).T for x in (some, known)]
    assert among(*arrays[0], *arrays[1]).tolist() == [p in known for p in some]


def test_parts_with_different_numbers_of_groups_join() -> None:
    whole = joined([Cells.of({(1, 2): estimate(1.0)}), Cells.of({(1, 3): Estimate(value=2.0)})])
    assert whole.replicates.shape == (2, 2)
    assert whole.cell(0) == estimate(1.0)
    assert whole.cell(1) == Estimate(value=2.0)


@pytest.mark.parametrize("cells", [Cells.of({}), joined([]), Cells.of({(1, 2): FAILED}).take(np.array([], dtype=int))])
def test_no_cells_are_a_value_too(cells: Cells) -> None:
    assert len(cells) == 0
    assert list(cells.by_row()) == []
    assert cells.index([1, 2]).tolist() == [[-1, -1], [-1, -1]]
    assert len(merged(cells, cells)) == 0
