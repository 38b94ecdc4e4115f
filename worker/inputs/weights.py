"""Trained parameters by name."""

from collections.abc import Mapping

from torch import Tensor

Weights = Mapping[str, Tensor]


BUFFER_NAMES = ("running_mean", "running_var", "num_batches_tracked")


def is_parameter_name(name: str) -> bool:
    """Whether a tensor of a state dict is trained rather than a running statistic."""
    return name.rsplit(".", 1)[-1] not in BUFFER_NAMES
