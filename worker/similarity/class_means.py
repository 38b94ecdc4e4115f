"""Class means of a layer, for the measures of neural collapse."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.similarity.kernels import as_given


@dataclass(frozen=True)
class Classes:
    """A layer by class, float64, one scale for all features.

    Attributes:
        features: ``(samples, width)``.
        names: ``(classes,)`` labels that have samples.
        member: ``(samples,)`` the place of each sample's label among the names.
        means: ``(classes, width)``.
        residuals: ``(samples, width)`` features minus the mean of their class.
        variances: ``(classes,)`` mean squared distance from the class mean.
    """

    features: Tensor
    names: Tensor
    member: Tensor
    means: Tensor
    residuals: Tensor
    variances: Tensor


def class_means(layer: Layer) -> Classes:
    """Means and spreads of the classes that have samples."""
    x = as_given(layer.features)
    names, member = layer.truth.unique(return_inverse=True)
    if len(names) < 2:
        raise Undefined("All samples have one label, and class means need two or more.")
    counts = torch.bincount(member).to(x.dtype)
    means = torch.zeros(len(names), x.shape[1], dtype=x.dtype, device=x.device).index_add_(0, member, x)
    means = means / counts[:, None]
    residuals = x - means[member]
    squares = residuals.square().sum(1)
    variances = torch.zeros(len(names), dtype=x.dtype, device=x.device).index_add_(0, member, squares) / counts
    return Classes(x, names, member, means, residuals, variances)


def centred_means(layer: Layer) -> Tensor:
    """Class means minus the mean of the class means, ``(classes, width)``."""
    means = class_means(layer).means
    centre = means - means.mean(0)
    if not float(centre.norm()) > 1e-12:
        raise Undefined("All classes have the same mean.")
    return centre
