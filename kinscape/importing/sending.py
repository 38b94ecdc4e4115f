"""From answers to recordings of one probe set."""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kinscape.client import Checkpoint, Project
from kinscape.importing.answers import Answers, CannotImport
from kinscape.recording import record

# Numbers of two bytes, which float32 holds exactly.
MARKS = 8


def send(
    project: Project,
    answers: Sequence[Answers],
    *,
    probe: str = "",
    group: str = "",
    tags: dict[str, str] | None = None,
) -> list[Checkpoint]:
    """Upload each model's answers as a recording; the samples become a probe set where there is none of that name.

    Samples with ids are brought into one order, whatever the order in each file. Of those without ids only the order
    is known: they need a probe set that is there.

    Args:
        probe: name of the probe set; that of the task where left out.

    Raises:
        CannotImport: models were asked different samples, or two are called the same.
        ClientError: the server refuses a recording.
    """
    if not answers:
        raise CannotImport("There are no answers to import.")
    first = answers[0]
    name = probe or first.task
    if not name:
        raise CannotImport("Say how the probe set is called (--probe).")
    twice = next((a.name for k, a in enumerate(answers) if a.name in [b.name for b in answers[:k]]), None)
    if twice is not None:
        raise CannotImport(f"Two files are of the model {twice!r}: rename one, or import one task at a time.")
    ordered = [a.in_order(first.ids).with_classes(first.classes) for a in answers]
    wide = max(a.outputs.shape[1] for a in ordered)
    if any(a.outputs.shape != (len(first.outputs), wide) for a in ordered):
        other = next(a for a in ordered if a.outputs.shape != first.outputs.shape)
        shapes = f"{first.name} {first.outputs.shape}, {other.name} {other.outputs.shape}"
        raise CannotImport(f"Models answered differently many samples or classes: {shapes}.")
    x = marks_of(first.ids) if first.ids else np.zeros((len(first.outputs), 1), np.float32)
    if name not in {p.name for p in project.probes()}:
        _add_probe(project, name, first, x)
    # The bytes of samples are only known where their ids are.
    options: dict[str, Any] = {} if first.ids else {"probe": name}
    made = [_upload(project, a, x, group=group, tags=tags or {}, **options) for a in ordered]
    return [project.wait_for(number) for number in made]


def marks_of(ids: Sequence[str]) -> npt.NDArray[np.float32]:
    """What stands for samples whose content a log does not hold, ``(samples, 8)``: the sha256 of their ids."""
    digests = [np.frombuffer(hashlib.sha256(id.encode()).digest(), "<u2")[:MARKS] for id in ids]
    return np.stack(digests).astype(np.float32)


def _add_probe(project: Project, name: str, answers: Answers, x: npt.NDArray[np.float32]) -> None:
    if not answers.ids:
        raise CannotImport(
            f"There is no probe set {name!r}, and {answers.name} has no ids of samples to make one from."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.npz"
        arrays = {"x": x} if answers.labels is None else {"x": x, "y": np.array(answers.labels)}
        np.savez(file, **arrays)
        project.upload_probe(file, name=name)


def _upload(project: Project, answers: Answers, x: npt.NDArray[np.float32], **description: Any) -> int:
    done = 0

    def outputs(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        nonlocal done
        done += len(rows)
        return answers.outputs[done - len(rows) : done]

    kind: Literal["probabilities", "logits"] = "probabilities" if answers.are_probabilities else "logits"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.safetensors"
        record(
            outputs, x, y=answers.labels, path=file, outputs=kind, samples=f"imported: {answers.task or answers.name}"
        )
        return project.upload_checkpoint(file, name=answers.name, wait=False, **description).id
