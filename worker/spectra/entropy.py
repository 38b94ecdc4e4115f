"""Entropy of shares."""

from torch import Tensor


def entropy(shares: Tensor) -> float:
    """Entropy of non-negative numbers that sum to 1, in nats."""
    return float(-(shares * shares.clamp_min(1e-300).log()).sum())
