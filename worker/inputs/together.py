"""Networks whose output for a sample depends on the other samples of its pass."""

from dataclasses import replace

import torch
from torch import Tensor

from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined

# Samples that go through together and each alone: enough for what only larger batches do, and few passes.
TRIED = 8
# Share of the spread of logits by which sums in float32 may differ with the size of a batch.
ROUNDING = 1e-3
# What torch says where a norm without statistics of its own is given one sample.
ALONE = "more than 1 value per channel"


def depend_on_one_another(subject: Subject) -> bool:
    """Whether samples have other logits alone than beside others."""
    found: bool = subject.once("samples depend on one another", lambda: _depend(subject))
    return found


def _depend(subject: Subject) -> bool:
    # Spread over all samples: neighbours may be equal.
    count = min(TRIED, subject.samples, subject.chunk)
    x = subject.x[torch.linspace(0, subject.samples - 1, count).long().to(subject.x.device)]
    if len(x) < 2:
        return False
    with torch.no_grad():
        together = subject.logits(subject.weights, x)
        try:
            alone = torch.cat([subject.logits(subject.weights, row) for row in x.split(1)])
        except ValueError as error:
            if ALONE not in str(error):
                raise
            return True
    return not alike(alone, together)


def alike(found: Tensor, right: Tensor) -> bool:
    """Whether logits ``(samples, classes)`` are the same but for rounding; what all classes share counts little."""
    spread = (right - right.mean(1, keepdim=True)).abs().nan_to_num(0, 0, 0).amax()
    digits = 16 * torch.finfo(right.dtype).eps * right.abs().nan_to_num(0, 0, 0).amax()
    return torch.allclose(found, right, rtol=0, atol=float(ROUNDING * spread + digits), equal_nan=True)


def kept_together(subject: Subject) -> Subject:
    """The same network, all of its samples in one pass where they depend on one another.

    Raises:
        Undefined: they do, and do not fit one pass.
    """
    if subject.whole or not depend_on_one_another(subject):
        return subject
    if subject.samples > subject.chunk:
        raise Undefined(
            "The network's output for a sample depends on the other samples of the pass, so that all must go through "
            f"at once: of {subject.samples} samples {subject.chunk} fit. Ask for fewer."
        )
    return replace(subject, whole=True)
