"""The cell of one network, or of two, on a probe set."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from kinscape.backend.contracts.cells import Cell
from kinscape.worker.evaluation.cells import not_applicable
from kinscape.worker.evaluation.intervals import estimate
from kinscape.worker.evaluation.measure import Measure, Settings
from kinscape.worker.evaluation.models import as_measurement
from kinscape.worker.inputs.outputs import are_probabilities
from kinscape.worker.inputs.passes import smallest_batch
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.together import ALONE, kept_together
from kinscape.worker.inputs.undefined import Undefined

# And where a fused recurrent layer lacks the derivative that was asked for.
NO_DERIVATIVE = ("mkldnn_rnn_layer", "_cudnn_rnn", "double backwards is not supported")
# A device that failed is not the network's fault.
DEVICE_FAILED = "CUDA error"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
# Two passes of so many samples tell whether a network draws noise; with fewer in one pass nothing is saved.
FEWEST_PER_PASS = 4


def evaluate_network(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Cell:
    """The cell of one network, or of a pair of networks, on a probe set."""
    try:
        with torch.random.fork_rng(devices=[]):
            for subject in subjects:
                _check_subject(subject, needs_labels=measure.card.needs_labels)
            found = _by_plain_kernels_if_needed(measure, _of_one_type(subjects), settings)
    except Undefined as sentence:
        return not_applicable(str(sentence))
    except ValueError as error:
        if ALONE not in str(error):
            raise
        return not_applicable(
            "A norm of the network takes its statistics from the batch, so a sample alone has neither loss nor "
            "gradient: train it with track_running_stats=True."
        )
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return not_applicable("The computation did not converge: numbers in it grew beyond what a float can hold.")
    except RuntimeError as error:
        if DEVICE_FAILED in str(error):
            raise
        # A layer may do what no derivative follows, or no copy; that is said of this network, and the others go on.
        return not_applicable(f"The network does not allow this computation; torch says: {_first_line(error)}")
    measurement = as_measurement(found)
    if not math.isfinite(measurement.value):
        return not_applicable(measure.undefined)
    return estimate(measure.card, measurement, samples=subjects[0].samples)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:160]


def _check_outputs(subject: Subject) -> None:
    """Refuse a network whose outputs have no loss, or another one each time."""
    sentence = subject.once("fault of outputs", lambda: _fault_of_outputs(subject))
    if sentence:
        raise Undefined(sentence)


def _fault_of_outputs(subject: Subject) -> str:
    with torch.no_grad():
        one, two = (subject.logits(subject.weights, subject.x[:FEWEST_PER_PASS]) for _ in range(2))
    if not torch.allclose(one, two, rtol=1e-4, atol=1e-6, equal_nan=True):
        return "The network computes the same samples differently each time, so its numbers are not defined."
    if not bool(one.isfinite().all()):
        return "Its logits are not finite, though its weights and the samples are."
    if are_probabilities(one):
        return (
            "The network returns probabilities (its rows sum to 1), and this measure takes logits: leave its softmax "
            "out."
        )
    return ""


def _of_one_type(subjects: Sequence[Subject]) -> Sequence[Subject]:
    """Networks whose weights have the same type: all in float64 where one is, or where they differ.

    Raises:
        Undefined: a network of several types that cannot be computed in one.
    """
    if len({w.dtype for s in subjects for w in s.weights.values()}) < 2:
        return subjects
    same = [s.in_float64() for s in subjects]
    for subject in same:
        try:
            with torch.no_grad():
                subject.logits(subject.weights, smallest_batch(subject.x))
        except RuntimeError as error:
            raise Undefined(
                "The network has weights of several types and casts between them itself, so it cannot be computed in "
                "one: make all of them float64 and leave the casts out."
            ) from error
    return same


def _by_plain_kernels_if_needed(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Any:
    """The number; fused kernels of recurrent layers have not every derivative, the plain operators do."""
    try:
        return _with_smaller_passes(measure, subjects, settings)
    except (NotImplementedError, RuntimeError) as error:
        if not any(words in str(error) for words in NO_DERIVATIVE):
            raise
    for subject in subjects:
        subject.memo.forget()
    with _plain_kernels():
        return _with_smaller_passes(measure, subjects, settings)


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Layers by their operators, without the kernels that fuse them."""
    fused: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cudnn)
    before = [backend.enabled for backend in fused]
    try:
        for backend in fused:
            backend.enabled = False
        yield
    finally:
        for backend, enabled in zip(fused, before, strict=True):
            backend.enabled = enabled


def _with_smaller_passes(measure: Measure, subjects: Sequence[Subject], settings: Settings) -> Any:
    """The number, with fewer samples in one pass whenever memory runs out."""
    while True:
        try:
            subjects = [kept_together(s) for s in subjects]
            for subject in subjects:
                _check_outputs(subject)
            return measure.compute(*subjects, **settings)
        except RuntimeError as error:
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            if all(s.chunk <= FEWEST_PER_PASS for s in subjects):
                raise Undefined(
                    f"There is not enough memory for this network, even with {FEWEST_PER_PASS} samples at a time."
                ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        smaller = [s.in_smaller_passes() for s in subjects]
        for subject in subjects:
            # Graphs and bases of the pass that failed would fill the memory again.
            subject.memo.forget()
        subjects = smaller


def _check_subject(subject: Subject, *, needs_labels: bool) -> None:
    bad = sum(int(w.numel() - w.isfinite().sum()) for w in subject.weights.values())
    if bad:
        raise Undefined(f"{bad} weights are NaN or infinite.")
    if not subject.weights:
        raise Undefined("The network has no trained parameters.")
    if needs_labels and subject.y.numel() == 0:
        raise Undefined("This measure needs labels, and the probe set has none.")
