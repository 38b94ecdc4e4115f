"""Answers that exist already: logs of the harness and of Inspect, tables of outputs."""

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinscape import cli, importing
from kinscape.client import Project
from kinscape.importing import CannotImport
from tests.conftest import Server

SAMPLES = 60
RNG = np.random.default_rng(0)
TARGETS = RNG.integers(0, 4, SAMPLES)


def likelihoods(seed: int) -> np.ndarray:
    """Models that are right more often than not."""
    draw = np.random.default_rng(seed)
    out = draw.normal(-20, 2, (SAMPLES, 4))
    out[np.arange(SAMPLES), TARGETS] += 2.5
    return out


def harness(folder: Path, model: str, *, seed: int, newer: bool = False, order: list[int] | None = None) -> Path:
    """A log as the harness writes it with ``--log_samples``, texts for numbers included."""
    (folder / model).mkdir(parents=True, exist_ok=True)
    path = folder / model / "samples_arc_easy_2025-01-02T03-04-05.678901.jsonl"
    rows = likelihoods(seed)
    lines = []
    for k in order or range(SAMPLES):
        choices = [f" choice {c}" for c in range(4 - (k % 10 == 0 and TARGETS[k] < 3))]
        resps: Any = [[[[str(rows[k, c]), "False"]]] for c in range(len(choices))]
        line: dict[str, Any] = {
            "doc_id": k,
            "doc_hash": f"hash{k}",
            "target": str(TARGETS[k]) if newer else int(TARGETS[k]),
            "arguments": {f"gen_args_{c}": {"arg_0": "q", "arg_1": t} for c, t in enumerate(choices)}
            if newer
            else [["q", t] for t in choices],
            "resps": resps,
            "filtered_resps": [[str(rows[k, c]), "False"] for c in range(len(choices))],
            "acc": float(rows[k].argmax() == TARGETS[k]),
        }
        lines.append(line | ({"filter": "none", "metrics": ["acc"]} if newer else {}))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def inspect_document(model: str, scores: list[Any], epochs: int = 1) -> dict[str, Any]:
    samples = [
        {"id": k, "epoch": e, "target": "A", "scores": {"choice": {"value": v[e] if isinstance(v, tuple) else v}}}
        for k, v in enumerate(scores)
        for e in range(epochs)
    ]
    return {"version": 2, "status": "success", "eval": {"task": "arc", "model": model}, "samples": samples}


def test_logs_of_the_harness_are_log_likelihoods_of_choices(tmp_path: Path) -> None:
    for newer in (False, True):
        answers = importing.read(harness(tmp_path, "pythia-70m", seed=1, newer=newer))
        assert (answers.name, answers.task) == ("pythia-70m", "arc_easy")
        rows = likelihoods(1)
        for k in range(SAMPLES):
            wide = 4 - (k % 10 == 0 and TARGETS[k] < 3)
            assert answers.outputs[k, :wide].tolist() == rows[k, :wide].tolist()
            assert (answers.outputs[k, wide:] == rows[k, :wide].min() - 40).all()
        assert answers.labels == tuple(TARGETS)
        assert "different numbers of choices" in " ".join(answers.told)


@pytest.mark.parametrize(
    ("target", "expected"), [("2", 2), (1, 1), ("C", 2), (" the third ", 2), ("the first", 0), ("nobody", None)]
)
def test_the_right_choice_is_told_in_many_ways(target: Any, expected: int | None, tmp_path: Path) -> None:
    texts = [" the first", " the second", " the third"]
    line = {
        "doc_id": 0,
        "target": target,
        "arguments": [["q", t] for t in texts],
        "filtered_resps": [[-1.0, True], [-2.0, False], [-3.0, False]],
    }
    path = tmp_path / "samples_own.jsonl"
    path.write_text(json.dumps(line))
    assert importing.read(path).labels == (None if expected is None else (expected,))


@pytest.mark.parametrize(("best", "acc", "expected"), [(0, 1.0, 0), (2, 0.0, 0), (2, 1.0, 2), (1, 0.0, None)])
def test_choices_that_are_numbers_are_told_by_what_was_right(
    best: int, acc: float, expected: int | None, tmp_path: Path
) -> None:
    rated = [[-1.0 if c == best else -5.0, False] for c in range(3)]
    line = {"doc_id": 0, "target": "2", "arguments": [["q", t] for t in (" 2", " 1", " 0")], "filtered_resps": rated}
    path = tmp_path / "samples_sums.jsonl"
    path.write_text(json.dumps({**line, "acc": acc}))
    assert importing.read(path).labels == (None if expected is None else (expected,))


def test_a_task_without_choices_is_compared_by_what_was_right(tmp_path: Path) -> None:
    lines = [
        {"doc_id": k, "target": "42", "filtered_resps": ["41"], "exact_match": k % 2, "filter": "strict"}
        for k in (3, 4)
    ]
    # The second filter logs every sample again.
    lines += [{**line, "filter": "flexible", "exact_match": 1} for line in lines]
    path = tmp_path / "samples_gsm8k.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    answers = importing.read(path)
    assert answers.outputs.tolist() == [[0, 1], [1, 0]]
    assert answers.labels == (1, 1) and answers.are_probabilities
    assert "whether an answer was right (exact_match)" in answers.told[0]


def test_logs_of_inspect_are_means_over_epochs(tmp_path: Path) -> None:
    document = inspect_document("openai/gpt", [("C", "C"), ("C", "I"), ("I", "I"), ("P", 1)], epochs=2)
    (tmp_path / "log.json").write_text(json.dumps(document))
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", json.dumps({k: v for k, v in document.items() if k != "samples"}))
        for sample in document["samples"]:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    for name in ("log.json", "log.eval"):
        answers = importing.read(tmp_path / name)
        assert (answers.name, answers.task) == ("openai/gpt", "arc")
        assert answers.outputs[:, 1].tolist() == [1, 0.5, 0, 0.75]


def test_tables_hold_probabilities_or_logits(tmp_path: Path) -> None:
    path = tmp_path / "net.csv"
    path.write_text("id,cat,dog,label\na,0.25,0.75,dog\nb,0.5,0.5,cat\n")
    answers = importing.read(path)
    assert (answers.name, answers.ids, answers.labels) == ("net", ("a", "b"), (1, 0))
    assert answers.are_probabilities and answers.outputs.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    path.write_text("cat,dog,y\n1.5,-2,1\n0,3,0\n")
    answers = importing.read(path)
    assert not answers.are_probabilities and answers.ids == () and answers.labels == (1, 0)
    # Names of columns come before numbers, and what was predicted is no class.
    path.write_text("2,0,1,pred,label\n5,1,1,2,2\n1,5,1,0,0\n")
    answers = importing.read(path)
    assert answers.labels == (0, 1) and answers.outputs.shape == (2, 3)
    tabs = tmp_path / "net.tsv"
    tabs.write_text("a\tb\n1\t2\n")
    assert importing.read(tabs).outputs.tolist() == [[1, 2]]


def test_classes_are_brought_into_one_order(project: Project, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,cat,dog,label\nx,0.9,0.1,cat\ny,0.2,0.8,dog\n")
    (tmp_path / "b.csv").write_text("id,dog,cat,label\nx,0.1,0.9,cat\ny,0.8,0.2,dog\n")
    (tmp_path / "c.csv").write_text("id,dog,eel\nx,0.1,0.9\ny,0.8,0.2\n")
    a, b, c = (importing.read(tmp_path / f"{n}.csv") for n in "abc")
    importing.send(project, [a, b], probe="pets")
    asked = project.compare(checkpoints=["a", "b"], probe="pets", measures=["disagreement", "accuracy"]).wait(
        timeout_s=60
    )
    assert asked.matrix("disagreement").values[0, 1] == 0
    assert asked.table(["accuracy"]).values[:, 0].tolist() == [1, 1]
    with pytest.raises(CannotImport, match="c has the classes dog, eel, not cat, dog"):
        importing.send(project, [a, c], probe="pets")


def test_thirty_logs_become_a_matrix_with_intervals(project: Project, tmp_path: Path, server: Server) -> None:
    """In any order of samples, in under a minute."""
    order = RNG.permutation(SAMPLES).tolist()
    files = [harness(tmp_path, f"m{k}", seed=k, order=order if k % 2 else None) for k in range(30)]
    began = time.monotonic()
    command = ["--url", server.url, "import", "--project", project.name, "--group", "llm", *map(str, files)]
    assert cli.main(command) == 0
    asked = project.compare(
        checkpoints=project.checkpoints(), probe="arc_easy", measures=["disagreement", "js-divergence", "accuracy"]
    ).wait(timeout_s=90)
    # The promise is a minute where nothing else runs.
    assert time.monotonic() - began < 120
    assert asked.status == "done", asked.log
    by_name = {name: k for k, name in enumerate(asked.labels)}
    a, b = likelihoods(3).argmax(1), likelihoods(4).argmax(1)
    offered = np.array([k % 10 == 0 and TARGETS[k] < 3 for k in range(SAMPLES)])
    a3 = np.where(offered, likelihoods(3)[:, :3].argmax(1), a)
    b3 = np.where(offered, likelihoods(4)[:, :3].argmax(1), b)
    matrix = asked.matrix("disagreement")
    i, j = by_name["m3"], by_name["m4"]
    assert matrix.values[i, j] == pytest.approx((a3 != b3).mean())
    assert matrix.low[i, j] < matrix.values[i, j] < matrix.high[i, j]
    assert np.isfinite(asked.matrix("js-divergence").values).all()
    accuracy = asked.table(["accuracy"]).values[:, 0]
    assert accuracy[i] == pytest.approx((a3 == TARGETS).mean())
    assert {c.group for c in project.checkpoints()} == {"llm"}


def test_models_that_were_asked_others_are_named(project: Project, tmp_path: Path) -> None:
    first = importing.read(harness(tmp_path, "a", seed=1))
    fewer = importing.read(harness(tmp_path, "b", seed=2, order=list(range(SAMPLES - 1))))
    with pytest.raises(CannotImport, match="b was not asked the same samples: it lacks the sample '59 hash59'"):
        importing.send(project, [first, fewer])
    with pytest.raises(CannotImport, match="a was not asked the same samples: it holds the sample '59 hash59' beyond"):
        importing.send(project, [fewer, first])
    with pytest.raises(CannotImport, match="Two files are of the model 'a'"):
        importing.send(project, [first, first])
    with pytest.raises(CannotImport, match="no answers"):
        importing.send(project, [])
    assert project.checkpoints() == [] and project.probes() == []


def test_tables_without_ids_need_a_probe_set(project: Project, tmp_path: Path, probe_file: Path) -> None:
    path = tmp_path / "net.csv"
    with np.load(probe_file) as file:
        labels = file["y"]
    rows = RNG.normal(size=(len(labels), 10))
    head = ",".join([*(f"c{k}" for k in range(10)), "label"])
    lines = [",".join([*map(str, row), str(y)]) for row, y in zip(rows, labels, strict=True)]
    path.write_text("\n".join([head, *lines]))
    answers = importing.read(path)
    with pytest.raises(CannotImport, match="Say how the probe set is called"):
        importing.send(project, [answers])
    with pytest.raises(CannotImport, match="no ids of samples to make one from"):
        importing.send(project, [answers], probe="held-out")
    project.upload_probe(probe_file, name="held-out")
    (made,) = importing.send(project, [answers], probe="held-out")
    assert "was not verified" in made.reason


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.jsonl", "{", "not a line of JSON per sample"),
        ("a.jsonl", "", "no sample log of the harness"),
        ("a.jsonl", "[1]\n", "no sample log of the harness"),
        ("a.jsonl", '{"doc_id": 0, "resps": [["text"]]}', "neither choices nor a score"),
        ("a.jsonl", '{"doc_id": 0}\n{"doc_id": 0}', "holds a sample twice"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", "no log of Inspect"),
        ("a.json", '{"eval": {}}', "no log of Inspect with samples"),
        ("a.json", '{"eval": {}, "samples": [{"id": 1}]}', "the sample 1 was not scored"),
        ("a.json", '{"eval": {}, "samples": [{"id": 1, "scores": {"s": {"value": "long"}}}]}', "no part from 0 to 1"),
        ("a.csv", "a,b\n", "needs a first line of names"),
        ("a.csv", "a,b\n1\n", "needs a first line of names"),
        ("a.csv", "id,a\n1,2\n", "at least 2 classes"),
        ("a.csv", "a,b\n1,x\n", "text where a number belongs"),
        ("a.csv", "a,b\n1,nan\n", "NaN or infinite"),
        ("a.csv", "id,a,b\n1,1,2\n1,1,2\n", "holds a sample twice"),
        ("a.csv", "a,b,label\n1,2,9\n", "the label '9' is neither"),
        ("a.csv", "a,a\n1,2\n", "names a class twice"),
        ("a.eval", "text", "is not JSON"),
        ("a.txt", "text", "is no file of answers"),
    ],
)
def test_files_that_cannot_be_read_say_why(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CannotImport, match=sentence):
        importing.read(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match="There is no file"):
        importing.read(tmp_path / "gone.jsonl")
