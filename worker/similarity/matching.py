"""Units of two layers, matched one to one or by transport."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import eye_array, kron, vstack
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.similarity.kernels import centred

# An assignment of copies grows with the cube of their number.
MOST_COPIES = 1024
# The linear programme of a transport has one variable per pair.
MOST_PAIRS = 250_000
# 400 MB of float64.
MOST_PRODUCTS = 50_000_000


@dataclass(frozen=True)
class Units:
    """Units of a layer.

    Attributes:
        columns: ``(samples, units)`` centred and of length 1; those that never change are left out.
        silent: how many are left out.
    """

    columns: Tensor
    silent: int


def units_of(features: Tensor, **_: object) -> Units:
    """Units of features ``(samples, width)``."""
    x = centred(features)
    length = x.norm(dim=0)
    eps = torch.finfo(features.dtype if features.dtype == torch.float32 else torch.float64).eps
    rounding = 8 * eps * len(x) ** 0.5 * features.abs().amax(0).to(torch.float64) / features.abs().amax()
    alive = (length > rounding) & (length > 1e-12 * length.amax())
    return Units(x[:, alive] / length[alive], int((~alive).sum()))


def silence(x: Units, y: Units) -> str:
    """A warning where units were left out; empty where none was."""
    if not x.silent and not y.silent:
        return ""
    # The two layers of a symmetric measure have no order.
    one, other = sorted(f"{u.silent} of {u.columns.shape[1] + u.silent}" for u in (x, y))
    return f"Units that never change are left out: {one} in one layer, {other} in the other."


def correlations(x: Units, y: Units) -> Tensor:
    """Correlations of all units of two layers that are not silent, ``(units, other units)``."""
    return products(x.columns, y.columns)


def products(x: Tensor, y: Tensor) -> Tensor:
    """Inner products of all units of two layers, ``(width, other width)``."""
    if x.shape[1] * y.shape[1] > MOST_PRODUCTS:
        raise Undefined(f"{x.shape[1]} times {y.shape[1]} units are too many to match; reduce the feature maps first.")
    return x.T @ y


def best_match(gain: Tensor) -> Tensor:
    """Gains ``(matches,)`` of the one-to-one match of rows and columns with the largest sum."""
    rows, columns = linear_sum_assignment(gain.cpu().numpy(), maximize=True)
    return gain[torch.from_numpy(rows), torch.from_numpy(columns)]


def transported(gain: Tensor) -> Tensor:
    """Largest mean gain of a transport between rows and columns of equal weight each.

    Every transport with these weights is a mean of matches of copies (Birkhoff), so it is solved as
    a match where few copies make both sides equal, and as a linear program otherwise.
    """
    rows, columns = gain.shape
    size = math.lcm(rows, columns)
    if rows == columns:
        return best_match(gain).mean()
    if size <= MOST_COPIES:
        copies = gain.repeat_interleave(size // rows, 0).repeat_interleave(size // columns, 1)
        return best_match(copies).mean()
    if rows * columns > MOST_PAIRS:
        raise Undefined(f"A transport between {rows} and {columns} units is too large; equal numbers are not.")
    by_row = kron(eye_array(rows), np.ones((1, columns)))
    by_column = kron(np.ones((1, rows)), eye_array(columns))
    found = linprog(
        -gain.cpu().numpy().ravel(),
        A_eq=vstack([by_row, by_column]),
        b_eq=[1 / rows] * rows + [1 / columns] * columns,
        method="highs",
    )
    if found.status != 0:
        raise Undefined("The transport between the units could not be solved.")
    return torch.tensor(-found.fun, dtype=torch.float64, device=gain.device)
