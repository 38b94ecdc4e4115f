"""Losses along lines and planes between networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.together import alike
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights

INTERPOLATED = "interpolated"
# Fixed, so that running statistics do not depend on the machine's memory.
MOST_RESTIMATED = 512
# Samples, spread over all, on which the end of a path is held against the network there.
SAMPLES_COMPARED = 256


@dataclass(frozen=True)
class Outcomes:
    """What a network scores with other weights, each ``(points, samples)``, float64, on the CPU.

    Attributes:
        losses: cross-entropy in nats; NaN or infinite where the network broke.
        errors: 1 where the prediction is wrong.
    """

    losses: Tensor
    errors: Tensor


def same_architecture(subjects: Sequence[Subject]) -> None:
    """Refuse networks that are not built alike.

    Raises:
        Undefined: tensors, modules, or the samples as the networks read them differ, or something that is neither
            parameter nor buffer.
    """
    kinds = [
        (str(s.module), {n: (t.shape, t.dtype) for n, t in [*s.weights.items(), *s.buffers.items()]}) for s in subjects
    ]
    if any(kind != kinds[0] for kind in kinds):
        raise Undefined("Not comparable: different architectures.")
    first = subjects[0]
    for other in subjects[1:]:
        if not (_same(first.x, other.x) and _same(first.y, other.y)):
            raise Undefined(
                "Not comparable: the networks read the samples differently (normalisation or order of classes), so "
                "what lies between their weights means nothing."
            )
        _check_end(first, other)


def _check_end(start: Subject, end: Subject) -> None:
    """Refuse networks of which the first, with the weights of the second, is not the second."""
    count = min(SAMPLES_COMPARED, end.samples_at_once)
    x = end.x if end.whole else end.x[torch.linspace(0, end.samples - 1, count).long().to(end.x.device)]
    with torch.no_grad():
        reached, right = start.logits(end.weights, x, buffers=end.buffers), end.logits(end.weights, x)
    if not alike(reached, right):
        raise Undefined(
            "Not comparable: with all parameters and buffers of the second, the first network gives other outputs. "
            "They differ in a number or tensor that is neither; register it as a buffer."
        )


def _same(a: Tensor, b: Tensor) -> bool:
    return a is b or (a.shape == b.shape and torch.equal(a, b))


def mixed(parts: Sequence[Weights], shares: Sequence[float]) -> dict[str, Tensor]:
    """Weighted sums of tensors by name; whole numbers are those of the first."""
    return {
        n: sum((p[n] * s for p, s in zip(parts, shares, strict=True)), torch.zeros_like(t))
        if t.is_floating_point()
        else t
        for n, t in parts[0].items()
    }


def between(subjects: Sequence[Subject], shares: Sequence[Sequence[float]], *, statistics: str) -> Outcomes:
    """Outcomes of mixtures of networks on the first one's samples.

    Args:
        shares: for each point, the share of every network.
        statistics: ``interpolated`` mixes running statistics like weights; ``re-estimated`` makes them
            anew from the samples at each point.
    """
    same_architecture(subjects)
    first = subjects[0]
    rows = []
    for share in shares:
        weights = mixed([s.weights for s in subjects], share)
        buffers = mixed([s.buffers for s in subjects], share)
        if statistics != INTERPOLATED:
            buffers = reestimated(first, weights, buffers)
        rows.append(outcomes_at(first, weights, buffers))
    return Outcomes(torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows]))


def outcomes_at(subject: Subject, weights: Weights, buffers: Weights | None = None) -> tuple[Tensor, Tensor]:
    """Loss and error of every sample with other weights, ``(samples,)`` each."""
    losses, errors = [], []
    with torch.no_grad():
        for start in range(0, subject.samples, subject.chunk):
            rows = slice(start, start + subject.chunk)
            logits = subject.logits(weights, subject.x[rows], buffers=buffers)
            losses.append(nn.functional.cross_entropy(logits, subject.y[rows], reduction="none"))
            errors.append(logits.argmax(1) != subject.y[rows])
    return torch.cat(losses).double().cpu(), torch.cat(errors).double().cpu()


def reestimated(subject: Subject, weights: Weights, buffers: Weights) -> dict[str, Tensor]:
    """Buffers whose running statistics are those of the samples, with these weights."""
    if subject.samples < 2:
        raise Undefined("Statistics cannot be re-estimated from one sample.")
    module = copied(subject.module)
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        return dict(buffers)
    module.load_state_dict({**buffers, **weights}, strict=False)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # an equal mean over all passes
        norm.train()
    with torch.no_grad():
        # Parts of equal size (±1), whatever the memory of the machine: each counts the same.
        for part in subject.x.tensor_split(-(-subject.samples // MOST_RESTIMATED)):
            module(part)
    return {n: b.detach() for n, b in module.named_buffers()}
