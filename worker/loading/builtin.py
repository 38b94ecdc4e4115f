"""Probe sets that come with Kinscape: scikit-learn's digits, split once and for all."""

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from kinscape.backend.contracts.probes import ProbeRole

# Of 1,797 digits; the rest is for training.
HELD_OUT = 500
SPLIT_SEED = 0
# The digits have grey values from 0 to 16.
GREYS = 16


def digits(role: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Images ``(samples, 1, 8, 8)`` from 0 to 1 and their digits; 500 held out, 1297 to train.

    Source: Alpaydin & Kaynak 1998 (UCI optical recognition of handwritten digits), as shipped
    with scikit-learn.
    """
    data = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data.target))
    rows = np.sort(order[HELD_OUT:] if role == ProbeRole.TRAIN else order[:HELD_OUT])
    x = (data.images[rows] / GREYS).astype(np.float32)[:, None]
    return x, data.target[rows].astype(np.int64)
