"""Where two checkpoints predict different classes: how often, which, and sample by sample."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from sqlalchemy.orm import Session

from kinscape.backend.actions import measures
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.pairs import (
    MOST_SAMPLES,
    ClassPair,
    DisagreeingSample,
    Disagreements,
    Outcomes,
    Prediction,
    Which,
)
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.statistics.two_classifiers import METHOD, paired_accuracy
from kinscape.backend.store import checkpoints, comparisons, probes
from kinscape.backend.store.artifacts import outputs_key
from kinscape.backend.store.files import Files

# The longer side of an image that is sent to be drawn; of larger ones every so many pixels.
LONGEST_SIDE = 64
# Values of a sample of another kind: enough to tell one from another.
MOST_VALUES = 64
# Images have channels, height and width; more classes make a table that nobody reads.
IMAGE_AXES, MOST_CLASSES, MOST_CLASS_PAIRS = 3, 40, 12
Classes = npt.NDArray[np.int64]


class _Answers(NamedTuple):
    """What two models predict for each sample, and the labels where there are any."""

    a: Classes
    b: Classes
    sure_a: npt.NDArray[np.float64]
    sure_b: npt.NDArray[np.float64]
    labels: Classes | None

    def chosen(self, listing: "Listing") -> npt.NDArray[np.bool_]:
        """The samples that are asked for."""
        if listing.classes is not None:
            first, second = listing.classes
            return np.asarray((self.a == first) & (self.b == second))
        if listing.which is Which.DIFFERENT:
            return np.asarray(self.a != self.b)
        if self.labels is None:
            raise NotFound("The probe set has no labels, so nothing tells which of the two is right.")
        right_a, right_b = self.a == self.labels, self.b == self.labels
        wanted = {Which.ONLY_A: right_a & ~right_b, Which.ONLY_B: right_b & ~right_a}
        # Without a label nobody is right, nor wrong.
        return np.asarray(wanted.get(listing.which, ~right_a & ~right_b) & (self.labels >= 0))


class Listing(NamedTuple):
    """Which samples are listed.

    Attributes:
        classes: only those that the first gives one class and the second another; instead of ``which``.
        offset: how many to pass over.
    """

    which: Which = Which.DIFFERENT
    classes: tuple[int, int] | None = None
    offset: int = 0


def disagreements(
    session: Session, files: Files, comparison: int, pair: tuple[int, int], listing: Listing
) -> Disagreements:
    """Samples of the held-out probe set on which two checkpoints differ, and how often they do.

    The samples on which both are most confident come first; each carries its values, or every so many of them, where
    they can be drawn.
    """
    row = comparisons.get(session, comparison)
    measures.check_members(row, *pair)
    probe = probes.get(session, row.specification.probe)
    both = []
    for id in pair:
        checkpoint = checkpoints.get(session, id)
        if checkpoint.level is Level.WEIGHTS:
            raise NotFound(f"{short(checkpoint.name)} is known by its weights alone, which predict nothing here.")
        key = outputs_key(checkpoint, probe, precision=row.specification.precision)
        both.append(_read(files.cached(key)))
        if not np.isfinite(both[-1].confidence).all():
            raise NotFound(f"Some outputs of {short(checkpoint.name)} are NaN or infinite: they are no predictions.")
    (classes_a, sure_a, count_a), (classes_b, sure_b, count_b) = both
    if count_a != count_b:
        raise NotFound(f"Not comparable: one predicts {count_a} classes, the other {count_b}.")
    if len(classes_a) != len(classes_b):
        raise NotFound("One of the two answers once per sample, the other for every position: nothing can be listed.")
    with safe_open(files.path(probe.file_hash or ""), "numpy") as file:
        samples = file.get_slice("x")
        is_one_each = len(classes_a) == samples.get_shape()[0]
        labels = file.get_tensor("y").ravel() if "y" in file.keys() else None  # noqa: SIM118  (a file, not a dict)
        # Targets of a regression, or several labels of a sample, are no classes.
        is_labelled = labels is not None and labels.dtype.kind in "iu" and len(labels) == len(classes_a)
        answers = _Answers(classes_a, classes_b, sure_a, sure_b, labels if is_one_each and is_labelled else None)
        places = np.flatnonzero(answers.chosen(listing))
        places = places[np.argsort(-sure_a[places] * sure_b[places], kind="stable")]
        # Answers for every position: which sample each belongs to is not drawn.
        shown = places[listing.offset :][:MOST_SAMPLES].tolist() if is_one_each else []
        return Disagreements(
            total=len(places),
            samples=[_sample(answers, samples, k) for k in shown],
            of=len(classes_a),
            different=int((classes_a != classes_b).sum()),
            outcomes=_outcomes(answers),
            **_confusion(classes_a, classes_b),
        )


def _sample(answers: _Answers, samples: Any, k: int) -> DisagreeingSample:
    """One sample, out of a slice of the probe set's file."""
    values = _drawable(samples[k : k + 1][0])
    return DisagreeingSample(
        sample=k,
        label=None if answers.labels is None else int(answers.labels[k]),
        a=Prediction(predicted=int(answers.a[k]), confidence=float(answers.sure_a[k])),
        b=Prediction(predicted=int(answers.b[k]), confidence=float(answers.sure_b[k])),
        shape=list(values.shape),
        values=values.ravel().tolist(),
    )


def _drawable(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A sample small enough to be sent: of a large image every so many pixels, of other kinds the first values."""
    if values.ndim == IMAGE_AXES:
        step = -(-max(values.shape[1:]) // LONGEST_SIDE)
        return values[:, ::step, ::step]
    return values.ravel()[:MOST_VALUES]


def _outcomes(answers: _Answers) -> Outcomes | None:
    """Who is right how often; samples without a label (below 0) do not count."""
    if answers.labels is None:
        return None
    known = answers.labels >= 0
    if not known.any():
        return None
    right_a, right_b = ((given == answers.labels)[known] for given in (answers.a, answers.b))
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    found = paired_accuracy(only_a, only_b, int(known.sum()))
    wrong = ~right_a & ~right_b
    return Outcomes(
        both_right=int((right_a & right_b).sum()),
        only_a=only_a,
        only_b=only_b,
        both_wrong=int(wrong.sum()),
        wrong_alike=int((wrong & (answers.a == answers.b)[known]).sum()),
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        method=METHOD,
    )


def _confusion(a: Classes, b: Classes) -> dict[str, list[list[int]] | list[ClassPair]]:
    """Counts of predicted classes, and the most frequent two different ones."""
    found, counts = np.unique(np.stack([a, b], 1), axis=0, return_counts=True)
    most = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda one: -one[1])
    pairs = [ClassPair(a=x, b=y, samples=n) for (x, y), n in most if x != y][:MOST_CLASS_PAIRS]
    classes = int(found.max(initial=0)) + 1
    if classes > MOST_CLASSES or found.min(initial=0) < 0:
        return {"confusion": [], "class_pairs": pairs}
    table = np.zeros((classes, classes), dtype=np.int64)
    table[found[:, 0], found[:, 1]] = counts
    return {"confusion": table.tolist(), "class_pairs": pairs}


class _Outputs(NamedTuple):
    """What is kept of a model's outputs.

    Attributes:
        classes: how many it tells apart.
    """

    predictions: Classes
    confidence: npt.NDArray[np.float64]
    classes: int


def _read(path: Path) -> _Outputs:
    """The outputs in a file that can be made again."""
    if not path.is_file():
        raise NotFound("The models' outputs are no longer kept; run the comparison again.")
    try:
        with safe_open(path, "numpy") as file:
            classes = int(file.get_slice("logits").get_shape()[-1])
            return _Outputs(file.get_tensor("predictions"), file.get_tensor("confidence"), classes)
    except SafetensorError as error:
        raise NotFound("A stored file is damaged; run the comparison again.") from error
