"""One new file is a new measure everywhere; a file that lies is stopped with a sentence."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kinscape import Client
from kinscape.frontend.pages import measure_choice
from tests.conftest import Server, free_port

ROOT = Path(__file__).resolve().parents[2]
GOOD = '''"""Half of the disagreement."""

from kinscape.backend.contracts.cards import Card, Change, Direction, Family, Input, Topic, Role, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.similarity.outputs import one_hot_predictions


@measure(
    Card(
        slug="half-disagreement", title="Half disagreement", family=Family.FUNCTIONAL,
        topic=Topic.FUNCTIONAL_SIMILARITY,
        formula=r"d/2", input=Input.OUTPUTS, low=0.0, high=0.5, identical=0.0, direction=Direction.LOWER_IS_ALIKE,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS}, role=Role.HELD_OUT, uncertainty=Uncertainty.MEAN_JACKKNIFE,
        reliable_from="100 samples", pitfalls="An example.", source="An example",
    ),
    prepare=one_hot_predictions,
)
def half_disagreement(p, q):
    """Half the share of samples to which the two models give different classes."""
    return (1 - (p * q).sum() / p.shape[0]) / 2
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source that a test may add to."""
    for room in ("backend", "worker", "frontend", "migrations", "kinscape", "tests"):
        shutil.copytree(
            ROOT / room, tmp_path / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"},
    )


def cards_test(copy: Path, text: str) -> str:
    (copy / "worker/measures/functional/half_disagreement.py").write_text(text)
    done = run(
        copy,
        "-m",
        "pytest",
        "tests/worker/measures/test_cards.py",
        "-q",
        "-k",
        "half",
        "--no-header",
        "-p",
        "no:cacheprovider",
    )
    return done.stdout + done.stderr


def test_a_dropped_in_file_is_a_measure_of_library_cards_and_tests(copy: Path) -> None:
    said = cards_test(copy, GOOD)
    assert " passed" in said
    assert "failed" not in said
    code = (
        "from kinscape import measure, measures;"
        "value = measure('half-disagreement')([[3., 0.]] * 4, [[0., 3.]] * 4).value;"
        "print(measures()['half-disagreement'].title, value)"
    )
    assert run(copy, "-c", code).stdout.strip() == "Half disagreement 0.5"


def test_a_dropped_in_file_is_offered_by_the_api_the_picker_and_the_docs(copy: Path, tmp_path: Path) -> None:
    (copy / "worker/measures/functional/half_disagreement.py").write_text(GOOD)
    one = Server(tmp_path / "data", free_port(), environment={"PYTHONPATH": str(copy)}).start()
    try:
        with Client(one.url, "") as client:
            cards = client.measures()
    finally:
        one.stop()
    assert "half-disagreement" in [c.slug for c in cards]
    assert "Half disagreement" in str(measure_choice.question_list(cards, []))
    said = run(copy, "-c", "from kinscape.docs import measures_page; print(measures_page())").stdout
    assert "### Half disagreement (`half-disagreement`, version 1)" in said


def test_what_takes_too_long_fails_alone(copy: Path, tmp_path: Path, networks: list[Path], probe_file: Path) -> None:
    endless = GOOD.replace("half-disagreement", "endless").replace("Half disagreement", "Endless")
    endless = endless.replace("    return (1", "    while True:\n        time.sleep(0.1)\n    return (1")
    (copy / "worker/measures/functional/endless.py").write_text(
        endless.replace("from kinscape", "import time\nfrom kinscape", 1)
    )
    (copy / "worker/measures/functional/half_disagreement.py").write_text(GOOD)
    limits = {"PYTHONPATH": str(copy), "KINSCAPE_TIME_LIMIT_S": "5"}
    one = Server(tmp_path / "data", free_port(), environment=limits).start()
    try:
        with Client(one.url, "") as client:
            project = client.create_project("slow")
            kind = {"architecture": "lenet", "arguments": {"classes": 10}}
            ids = [project.upload_checkpoint(f, name=f.stem, **kind) for f in networks[:3]]
            asked = project.compare(
                checkpoints=ids, probe=project.upload_probe(probe_file), measures=["endless", "half-disagreement"]
            ).wait(timeout_s=90)
            assert np.isfinite(asked.matrix("half-disagreement").values).all()
            reasons = asked.matrix("endless").reasons
            assert all("took longer than 5 seconds" in reasons[p] for p in ((0, 1), (0, 2), (1, 2)))
    finally:
        one.stop()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS}, ",
            "ignores={Change.SHIFT_LOGITS}, ",
            "ignored_changes_are_exactly",
        ),
        ("identical=0.0", "identical=0.2", "itself_scores_the_value"),
        ("high=0.5", "high=0.1", "within_the_bounds"),
        ('source="An example"', 'source=""', "comes without source"),
        ('slug="half-disagreement"', 'slug="disagreement"', "slugs are unique"),
    ],
)
def test_a_card_that_lies_is_stopped(copy: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in cards_test(copy, GOOD.replace(old, new))
