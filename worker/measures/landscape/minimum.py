"""What all measures of a minimum have in common."""

from functools import partial

import torch
from torch import Tensor

from backend.contracts.cards import Arity, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Subject
from worker.measures.measure import measure
from worker.measures.uncertainty import leave_one_out_means

measure_of_minimum = partial(
    measure, family=Family.LANDSCAPE, question=Question.MINIMUM, arity=Arity.MODEL, input=Input.NETWORK,
    direction=Direction.LOWER_IS_FLATTER, role=Role.TRAIN, uncertainty=Uncertainty.JACKKNIFE,
)  # fmt: skip
measure_of_two_minima = partial(
    measure, family=Family.LANDSCAPE, question=Question.MINIMUM, input=Input.NETWORK, role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
)  # fmt: skip


def group_means(samples: Tensor, subject: Subject) -> Tensor | None:
    """Leave-one-group-out means of a value per sample; nothing without groups."""
    if not subject.groups:
        return None
    means = torch.stack([samples[g].mean() for g in subject.groups])
    return leave_one_out_means(means.double(), subject.groups)
