"""Disagreement: how often two models name different classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Pace, Question, Role, Uncertainty
from worker.measures.inputs import Outputs
from worker.measures.measure import measure


def one_hot_predictions(outputs: Outputs, **_: object) -> Tensor:
    """1 at each sample's most likely class, ``(samples, classes)``."""
    return torch.nn.functional.one_hot(outputs.predictions, outputs.logits.shape[1]).to(torch.float64)


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """One minus the share of samples with the same class, as one product."""
    samples = left[0].shape[0]
    return 1 - torch.stack(list(left)).flatten(1) @ torch.stack(list(right)).flatten(1).T / samples


@measure(
    slug="disagreement",
    title="Disagreement",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\frac{1}{N}\sum_i [\arg\max p_i \ne \arg\max q_i]",
    input=Input.OUTPUTS,
    bounds=(0.0, 1.0),
    identical=0.0,
    direction=Direction.LOWER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
    role=Role.HELD_OUT,
    uncertainty=Uncertainty.MEAN_JACKKNIFE,
    counts_events=True,
    reliable_from="100 samples; below ten expected disagreements the interval is rough",
    pitfalls="Weak: looks at the named class only. Bounded by the sum of the two error rates.",
    source="Fort et al. 2019, section 4",
    pace=Pace.PRODUCT,
    prepare=one_hot_predictions,
    matrix=all_pairs,
)
def disagreement(p: Tensor, q: Tensor) -> Tensor:
    """Share of samples to which the two models give different classes."""
    return 1 - (p * q).sum() / p.shape[0]
