"""Means over samples with one group of them left out."""

import torch
from torch import Tensor

from kinscape.worker.evaluation.intervals import leave_one_out_means
from kinscape.worker.inputs.subject import Subject


def group_means(samples: Tensor, subject: Subject) -> Tensor | None:
    """Leave-one-group-out means of a value per sample; nothing without groups."""
    if not subject.groups:
        return None
    means = torch.stack([samples[g].mean() for g in subject.groups])
    return leave_one_out_means(means.double(), subject.groups)
