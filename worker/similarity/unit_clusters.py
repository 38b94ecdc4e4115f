"""Units of two layers, clustered together."""

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.similarity.matching import Units

# Eigenvectors of so many units, as often as intervals need them, take half a minute.
MOST_UNITS = 1024


def joint_clusters(x: Units, y: Units, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the clusters of the units of each layer, for 2 to so many clusters, or as many as there can be.

    Affinities are absolute correlations of all units of both layers, normalised; clusters are those of Ward's method on
    as many of the largest eigenvectors, which draws nothing, so that the order of the units does not matter.

    Args:
        most: there are fewer where a cluster would have less than two units, or samples are too few.

    Raises:
        Undefined: not even two can be told apart.
    """
    columns = torch.cat([x.columns, y.columns], 1)
    samples, units = columns.shape
    if units > MOST_UNITS:
        raise Undefined(f"{units:,} units of two layers are too many to cluster; reduce the feature maps first.")
    most = min(most, (units - 1) // 2, samples - 2)
    if most < 2:
        raise Undefined(f"Two clusters need five units and four samples; there are {units} and {samples}.")
    affinity = (columns.T @ columns).abs()
    weight = affinity.sum(0).rsqrt()
    vectors = torch.linalg.eigh(weight[:, None] * affinity * weight[None])[1].flip(1)
    out = []
    for count in range(2, most + 1):
        embedded = vectors[:, :count] / vectors[:, :count].norm(dim=1, keepdim=True).clamp_min(1e-300)
        numbers = fcluster(linkage(embedded.cpu().numpy(), method="ward"), count, criterion="maxclust")
        out.append((numbers[: x.columns.shape[1]], numbers[x.columns.shape[1] :]))
    return out


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two layers' shares of units over the same clusters: 1 where all are alike, 0 where none is shared."""
    size = max(first.max(), second.max()) + 1
    shares = [np.bincount(numbers, minlength=size) / len(numbers) for numbers in (first, second)]
    return float(np.minimum(*shares).sum())
