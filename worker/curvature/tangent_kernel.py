"""Gradients of the outputs by the weights, sample by sample: tangent kernels and the rank of the Jacobian."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.curvature.per_sample_gradients import rows_by_sample
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.together import depend_on_one_another
from kinscape.worker.inputs.undefined import Undefined

SAMPLES = (
    Parameter(name="samples", default=100, minimum=10, maximum=1000, help="Samples, evenly spread over the set."),
)
# Gradients of all chosen samples by some of the weights at once.
MOST_BYTES = 512 << 20
# The square of a float64's digits, times what some hundred additions lose.
RANK_TOLERANCE = 1e-12


def chosen_samples(subject: Subject, most: int) -> Tensor:
    """Numbers of evenly spread samples."""
    return torch.linspace(0, subject.samples - 1, min(most, subject.samples)).round().long().unique()


def tangent_kernel(subject: Subject, most: int) -> Tensor:
    """``(samples, samples)`` mean over outputs of the products of their gradients, float64."""

    def make() -> Tensor:
        x = _samples(subject, most)
        kernel = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)
        classes = _classes(subject)
        for c in range(classes):
            direction = torch.zeros(len(x), 1, classes, dtype=_type_of(subject), device=x.device)
            direction[:, 0, c] = 1
            for rows in _gradients(subject, x, direction):
                kernel += (rows @ rows.T).double()
        return kernel / classes

    found: Tensor = subject.once(("tangent kernel", most), make)
    return found


def jacobian_rank(subject: Subject, most: int) -> tuple[int, int]:
    """Rank of the Jacobian of all outputs of the chosen samples by all weights, and its largest possible value."""
    exact = subject.in_float64()
    x = _samples(exact, most)
    classes = _classes(exact)
    every = torch.eye(classes, dtype=torch.float64, device=x.device).expand(len(x), classes, classes)
    gram = torch.zeros(len(x) * classes, len(x) * classes, dtype=torch.float64, device=x.device)
    for rows in _gradients(exact, x, every):
        gram += rows @ rows.T
    spectrum = torch.linalg.eigvalsh(gram)
    largest = float(spectrum[-1])
    if not largest > 0:
        raise Undefined("No weight changes any output.")
    weights = sum(w.numel() for w in exact.weights.values())
    return int((spectrum > RANK_TOLERANCE * largest * len(spectrum)).sum()), min(len(spectrum), weights)


def _samples(subject: Subject, most: int) -> Tensor:
    if depend_on_one_another(subject):
        raise Undefined("The network's output for a sample depends on the other samples of the pass.")
    return subject.x[chosen_samples(subject, most).to(subject.x.device)]


def _type_of(subject: Subject) -> torch.dtype:
    return next(iter(subject.weights.values())).dtype


def _classes(subject: Subject) -> int:
    with torch.no_grad():
        return int(subject.logits(subject.weights, subject.x[:1]).shape[1])


def _gradients(subject: Subject, x: Tensor, directions: Tensor) -> Iterator[Tensor]:
    """``(samples · directions, weights)`` for some of the weights at a time."""
    some: list[str] = []
    held = 0
    rows = len(x) * directions.shape[1]
    for name, weight in subject.weights.items():
        size = weight.numel() * weight.element_size() * rows
        if some and held + size > MOST_BYTES:
            yield _flat(rows_by_sample(subject, some, x, directions), rows)
            some, held = [], 0
        some.append(name)
        held += size
    yield _flat(rows_by_sample(subject, some, x, directions), rows)


def _flat(found: dict[str, Tensor], rows: int) -> Tensor:
    return torch.cat([one.reshape(rows, -1) for one in found.values()], 1)


def alignment(a: Tensor, b: Tensor, *, is_centred: bool) -> Tensor:
    """Cosine between two kernels ``(samples, samples)``, after centring where asked, ``()``."""
    if is_centred:
        a, b = (k - k.mean(0) - k.mean(1)[:, None] + k.mean() for k in (a, b))
    lengths = a.norm() * b.norm()
    if not float(lengths) > 0:
        raise Undefined("A kernel is zero: its samples are all alike.")
    return (a * b).sum() / lengths


def without_each_group(subject: Subject, rows: Tensor, found: Callable[[Tensor], Tensor]) -> Tensor | None:
    """A value of kernels with one group of samples left out; nothing without groups.

    Args:
        rows: which samples the kernels are of.
        found: the value for the places in the kernels that are kept.
    """
    if not subject.groups:
        return None
    everyone = torch.arange(len(rows))
    left = [found(everyone[~torch.isin(rows.cpu(), group.cpu())].to(rows.device)) for group in subject.groups]
    return torch.stack([value.double().cpu() for value in left])
