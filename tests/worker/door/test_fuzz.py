"""A few thousand changed files of every kind; ``fuzz.py`` runs as many as one likes."""

import pytest

from tests.worker.door import fuzz

SEEDS = fuzz.seeds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SEEDS)
def test_a_changed_file_is_read_or_refused(kind: str) -> None:
    for data, raised in fuzz.run(kind, SEEDS[kind], inputs=1_500, guided=False):
        pytest.fail(f"{data!r}\n{raised}")
