"""Error consistency: do two models fail on the same samples, beyond chance?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.contracts.cards import Change, Direction, Family, Input, Pace, Question, Role, Uncertainty
from worker.measures.inputs import Outputs
from worker.measures.measure import measure


def right_answers(outputs: Outputs, **_: object) -> Tensor:
    """1 where the model is right, ``(samples,)``."""
    return outputs.right


def kappa(observed: Tensor, expected: Tensor) -> Tensor:
    """Cohen's kappa; NaN where chance alone explains everything."""
    chance = 1 - expected
    return torch.where(chance.abs() < 1e-12, torch.nan, (observed - expected) / chance)


def all_pairs(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """All kappas from two products."""
    a, b = torch.stack(list(left)), torch.stack(list(right))
    observed = (a @ b.T + (1 - a) @ (1 - b).T) / a.shape[1]
    acc_a, acc_b = a.mean(1)[:, None], b.mean(1)[None, :]
    return kappa(observed, acc_a * acc_b + (1 - acc_a) * (1 - acc_b))


@measure(
    slug="error-consistency",
    title="Error consistency",
    family=Family.FUNCTIONAL,
    question=Question.ANSWER_ALIKE,
    formula=r"\kappa = \frac{c_{obs} - c_{exp}}{1 - c_{exp}},\quad "
    r"c_{exp} = a\,b + (1-a)(1-b)",
    input=Input.OUTPUTS,
    bounds=(-1.0, 1.0),
    identical=1.0,
    direction=Direction.HIGHER_IS_ALIKE,
    ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
    role=Role.HELD_OUT,
    needs_labels=True,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="20 errors of each model; near accuracy 1 it rests on a handful of samples",
    pitfalls="Looks only at right or wrong, not at which wrong class. Unstable near accuracy 1.",
    source="Geirhos et al. 2020, section 2, equations 1-3",
    pace=Pace.PRODUCT,
    prepare=right_answers,
    matrix=all_pairs,
    undefined="Both models are always right (or always wrong), so chance explains every agreement: 0/0.",
)
def error_consistency(a: Tensor, b: Tensor) -> Tensor:
    """Cohen's kappa of being right on the same samples: 0 is chance, 1 the same errors."""
    observed = (a == b).to(a.dtype).mean()
    expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return kappa(observed, expected)
