"""Products of rows with a matrix for each group of rows, as mixtures of experts use them.

The operator that transformers registers for it is not torch's own; this is its definition again.
"""

import torch
from torch import Tensor

# As programs name the operator.
NAME = "torch.ops.transformers.grouped_mm_fallback.default"


def grouped_product(rows: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """Each group of rows times its own matrix; rows behind the last group are zero.

    Args:
        rows: ``(rows, inside)``, group after group.
        weights: ``(groups, inside, outside)``.
        ends: ``(groups,)`` where each group ends.

    Returns:
        ``(rows, outside)``.
    """
    if rows.is_meta:
        return rows.new_empty(rows.shape[0], weights.shape[2])
    parts, start = [], 0
    for weight, end in zip(weights, ends.tolist(), strict=True):
        parts.append(rows[start:end] @ weight)
        start = max(start, end)
    parts.append(rows.new_zeros(max(0, len(rows) - start), weights.shape[2]))
    return torch.cat(parts)
