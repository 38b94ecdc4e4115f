"""Who is related, and who stands for a network."""

from dataclasses import dataclass

import numpy as np
import pytest

from kinscape.backend.statistics.associations import Column, associations
from kinscape.backend.statistics.families import by_families
from kinscape.backend.statistics.kinship import families_of, representatives
from kinscape.backend.statistics.ranks import spearman


@dataclass
class Model:
    """A checkpoint as far as its relatives go."""

    id: int
    root_id: int | None = None
    init_of_id: int | None = None
    teacher_id: int | None = None
    run: str = ""
    step: int | None = None


def test_ancestors_starts_teachers_and_runs_make_families() -> None:
    everyone = [
        Model(1),
        Model(2, root_id=1),
        Model(3, init_of_id=1),
        Model(4, teacher_id=1),
        Model(5, run="r", step=1),
        Model(6, run="r", step=2),
        Model(7),
        # Students of one teacher, and starts of one network, that are not part of the comparison themselves.
        Model(8, teacher_id=99),
        Model(9, teacher_id=99),
        Model(10, init_of_id=98),
        Model(11, init_of_id=98),
    ]
    assert families_of(everyone) == [0, 0, 0, 0, 4, 4, 6, 7, 7, 9, 9]


def test_a_run_counts_by_its_last_step_and_copies_by_their_ancestor() -> None:
    everyone = [
        Model(1),
        Model(2, root_id=1),
        Model(5, run="r", step=1),
        Model(6, run="r", step=3),
        Model(7, run="r", step=2),
        Model(8, init_of_id=1),
        # A copy of a network that is not there stands for it.
        Model(9, root_id=77),
        Model(10, root_id=77),
    ]
    assert [everyone[k].id for k in representatives(everyone)] == [1, 6, 8, 9]


def test_related_models_do_not_count_as_independent_ones() -> None:
    """Six families of five nearly equal models: five times as many models carry no more evidence than six do."""
    rng = np.random.default_rng(0)
    few = np.array([[0, 1, 2, 3, 4, 5], [0.5, 0.1, 1, 4, 2, 1.5]])
    many = np.repeat(few, 5, axis=1) + rng.normal(scale=1e-3, size=(2, 30))
    heads = np.repeat(np.arange(6), 5).tolist()
    as_families = associations(
        [Column("x", many[0])], [Column("y", many[1])], control=None, tags=[{}] * 30, families=heads
    )
    as_strangers = associations([Column("x", many[0])], [Column("y", many[1])], control=None, tags=[{}] * 30)
    assert as_families[0].families == 6
    assert as_families[0].n == 30
    assert as_families[0].p is not None
    assert as_strangers[0].p is not None
    assert as_families[0].p > 10 * as_strangers[0].p


def test_too_few_families_have_no_association() -> None:
    x, y = np.arange(9.0), np.arange(9.0)[::-1].copy()
    found = associations([Column("x", x)], [Column("y", y)], control=None, tags=[{}] * 9, families=[0, 1, 2] * 3)
    assert found[0].spearman is None
    assert "Only 3 independent models" in found[0].sentence


def test_a_partial_association_of_families_holds_the_control_still() -> None:
    rng = np.random.default_rng(1)
    heads = np.repeat(np.arange(12), 3)
    z = rng.normal(size=36)
    x, y = z + 0.3 * rng.normal(size=36), z + 0.3 * rng.normal(size=36)
    found = associations(
        [Column("x", x)], [Column("y", y)], control=Column("z", z), tags=[{}] * 36, families=heads.tolist()
    )[0]
    assert found.p is not None
    assert found.p < 0.001
    assert found.p_partial is not None
    assert found.p_partial > 0.05
    assert found.spearman_partial is not None
    assert found.spearman_partial.low is not None
    assert found.spearman_partial.low < found.spearman_partial.value


@pytest.mark.parametrize(("families", "each"), [(5, 6), (10, 2)])
def test_no_association_is_rarely_found(families: int, each: int) -> None:
    """At most 5 % of draws, and not none, where families explain most of either side."""
    rng = np.random.default_rng(7)
    heads = np.repeat(np.arange(families), each)

    def drawn() -> float:
        x, y = (rng.normal(size=families)[heads] + 0.6 * rng.normal(size=len(heads)) for _ in range(2))
        found = by_families(lambda rows: float(spearman(x[rows], y[rows])), heads, has_test=True)
        return 1.0 if found.p is None else found.p

    share = np.mean([drawn() < 0.05 for _ in range(400)])
    assert 0.005 < share < 0.08
