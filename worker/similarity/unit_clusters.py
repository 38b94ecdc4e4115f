"""Units of two layers, clustered together."""

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.similarity.matching import MOST_PRODUCTS, Units


def joint_clusters(x: Units, y: Units, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the clusters of the units of each layer, by the largest eigenvectors of their normalised affinities.

    Affinities are absolute correlations of all units of both layers. Clusters of the embedding are those of Ward's
    method, which draws nothing, so that the order of the units does not matter.

    Args:
        clusters: how many; more than two units for each are needed.
    """
    columns = torch.cat([x.columns, y.columns], 1)
    units = columns.shape[1]
    if units**2 > MOST_PRODUCTS:
        raise Undefined(f"{units:,} units of two layers are too many to cluster; reduce the feature maps first.")
    if units <= 2 * clusters:
        raise Undefined(f"{clusters} clusters need more than {2 * clusters} units in the two layers.")
    affinity = (columns.T @ columns).abs()
    weight = affinity.sum(0).rsqrt()
    _, vectors = torch.linalg.eigh(weight[:, None] * affinity * weight[None])
    embedded = vectors[:, -clusters:]
    embedded = embedded / embedded.norm(dim=1, keepdim=True).clamp_min(1e-300)
    numbers = fcluster(linkage(embedded.cpu().numpy(), method="ward"), clusters, criterion="maxclust")
    return numbers[: x.columns.shape[1]], numbers[x.columns.shape[1] :]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two layers' shares of units over the same clusters: 1 where all are alike, 0 where none is shared."""
    size = max(first.max(), second.max()) + 1
    shares = [np.bincount(numbers, minlength=size) / len(numbers) for numbers in (first, second)]
    return float(np.minimum(*shares).sum())
