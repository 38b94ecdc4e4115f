"""A measure along training runs: each point is the cell of the matrix that it says it is."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from kinscape import build
from kinscape.backend.actions.passages import compared
from kinscape.backend.contracts.trajectories import Against, FirstPassage, TrainingRun
from kinscape.client import Client, ClientError, Comparison, Project
from tests.conftest import Server

STEPS = {"first": [1, 10, 100], "second": [10, 100, 1000]}


@pytest.fixture
def asked(project: Project, tmp_path: Path, probe_file: Path) -> Comparison:
    members = []
    # Uploaded in another order than they were trained in.
    for run, steps in STEPS.items():
        for step in reversed(steps):
            torch.manual_seed(step + 7 * len(run))
            path = tmp_path / f"{run}-{step}.pth"
            torch.save(build("lenet").state_dict(), path)
            members.append(project.upload_checkpoint(path, run=run, step=step, group=run.upper(), architecture="lenet"))
    torch.manual_seed(99)
    torch.save(build("lenet").state_dict(), tmp_path / "lone.pth")
    members.append(project.upload_checkpoint(tmp_path / "lone.pth", run="lone", step=5, architecture="lenet"))
    probe = project.upload_probe(probe_file, name="held")
    measures = ["disagreement", "accuracy", "weight-l2"]
    return project.compare(checkpoints=members, probe=probe, measures=measures).wait(timeout_s=60)


def test_every_point_is_a_cell_of_the_matrix(asked: Comparison) -> None:
    found = asked.trajectories("disagreement")
    assert [(r.run, r.group, r.steps) for r in found.runs] == [
        ("first", "FIRST", [1, 10, 100]),
        ("second", "SECOND", [10, 100, 1000]),
    ]
    whole = asked.packed_matrix("disagreement")
    place = {label: k for k, label in enumerate(whole.header.labels)}

    def at(one: str, other: str) -> tuple[float, float, float]:
        cell = place[one], place[other]
        return float(whole.values[cell]), float(whole.low[cell]), float(whole.high[cell])

    lines = {(line.place, line.against): line for line in found.lines}
    assert len(lines) == len(found.lines) == 7
    expected = {
        (0, Against.END): ([1, 10], [("first-1", "first-100"), ("first-10", "first-100")]),
        (1, Against.START): ([100, 1000], [("second-100", "second-10"), ("second-1000", "second-10")]),
        (0, Against.BEFORE): ([10, 100], [("first-10", "first-1"), ("first-100", "first-10")]),
        (0, Against.OTHER): ([10, 100], [("first-10", "second-10"), ("first-100", "second-100")]),
    }
    for key, (steps, pairs) in expected.items():
        line = lines[key]
        assert line.steps == steps
        for k, pair in enumerate(pairs):
            assert (line.values[k], line.low[k], line.high[k]) == pytest.approx(at(*pair))
    assert lines[0, Against.OTHER].other == 1


def test_a_measure_of_single_models_is_one_line_for_each_run(asked: Comparison) -> None:
    found = asked.trajectories("accuracy")
    table = asked.table(["accuracy"])
    place = {label: k for k, label in enumerate(table.labels)}
    for k, (run, steps) in enumerate(STEPS.items()):
        line = found.lines[k]
        assert (line.place, line.against, line.steps) == (k, Against.ITSELF, steps)
        assert line.values == pytest.approx([float(table.values[place[f"{run}-{s}"], 0]) for s in steps])
        assert np.isfinite([v for v in line.low if v is not None]).all()
    with pytest.raises(ClientError, match="did not ask for"):
        asked.trajectories("nll")


def test_the_first_step_that_reaches_a_limit_is_told_and_who_never_does(asked: Comparison) -> None:
    lines = asked.trajectories("weight-l2").lines
    values = {line.place: line.values for line in lines if line.against is Against.START}
    high = max(v for of in values.values() for v in of if v is not None)
    found = asked.trajectories("weight-l2", reaches=high)
    there = [(p.place, p.step, p.watched) for p in found.passages if p.against is Against.START]
    place = next(k for k, of in values.items() if high in of)
    other = 1 - place
    steps = list(STEPS.values())
    assert (place, steps[place][1 + values[place].index(high)], steps[place][-1]) in there
    assert (other, None, steps[other][-1]) in there
    # One run of each group: nothing to test.
    assert found.tests == []
    below = asked.trajectories("weight-l2", reaches=high, falling=True)
    assert all(p.step is not None for p in below.passages if p.against is Against.START)
    assert not any(p.against is Against.OTHER for p in below.passages)
    with pytest.raises(ClientError):
        asked.trajectories("weight-l2", reaches=float("nan"))


def test_groups_of_runs_are_compared_by_when_they_get_there() -> None:
    runs = [TrainingRun(run=f"r{k}", group="a" if k < 4 else "b", checkpoints=[], steps=[]) for k in range(8)]
    known = [(10, 10), (10, 20), (20, 30), (20, 40), (None, 50), (None, 50), (None, 50), (50, 50)]
    passed = [
        FirstPassage(place=k, against=Against.ITSELF, step=step, watched=watched)
        for k, (step, watched) in enumerate(known)
    ]
    (tested,) = compared(passed, runs)
    assert (tested.groups, tested.runs, tested.sooner) == (("a", "b"), (4, 4), "a")
    # Of 70 deals, these are the most extreme, on either side.
    assert tested.p == tested.smallest_p == pytest.approx(2 / 70)


def test_a_masked_link_tells_passages_without_names(asked: Comparison, server: Server) -> None:
    link = asked.share(masked=True)
    headers = {"Kinscape-Share": link.url.rpartition("/")[2]}
    address = f"{server.url}/api/v1/comparisons/{asked.id}/trajectories"
    answer = httpx.get(address, params={"measure": "accuracy", "reaches": 0.0}, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["passages"]
    assert not any(name in answer.text for name in ("FIRST", "SECOND", "first-", "second-"))


def test_checkpoints_without_runs_say_what_to_do(
    project: Project, networks: list[Path], probe_file: Path, client: Client
) -> None:
    ids = [project.upload_checkpoint(path) for path in networks[:3]]
    probe = project.upload_probe(probe_file, name="held")
    asked = project.compare(checkpoints=ids, probe=probe, measures=["disagreement"]).wait(timeout_s=60)
    found = asked.trajectories("disagreement")
    assert (found.runs, found.lines) == ([], [])
    assert "No run has two steps here" in found.sentence


def test_a_masked_link_shows_lines_without_names(asked: Comparison) -> None:
    token = asked.share(masked=True).url.rsplit("/", 1)[1]
    with Client(asked._http.url, "", headers={"Kinscape-Share": token}) as visitor:
        found = visitor.comparison(asked.id).trajectories("disagreement")
    assert [r.run for r in found.runs] == ["", ""]
    assert len(found.lines) == 7
    text = found.model_dump_json()
    assert "first" not in text and "SECOND" not in text
