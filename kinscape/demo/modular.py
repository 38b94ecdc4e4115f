"""Modular addition: perceptrons that learn their train samples long before they generalise."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kinscape.backend.contracts.probes import ProbeRole
from kinscape.worker.loading.registry import build

# Small enough for seconds on one core, large enough that pairs cannot be learned by heart and guessed.
NUMBERS = 31
# Of 961 pairs; with fewer, nothing generalises in so few steps.
TRAIN_SHARE = 0.7
STEPS = 2400
# A delay is known to within so many steps.
KEPT_EVERY = 150
RATE = 0.01
WIDTH = 128
ARGUMENTS = {"inputs": 2 * NUMBERS, "classes": NUMBERS, "width": WIDTH, "depth": 1}


@dataclass(frozen=True)
class Pairs:
    """All sums, split once for all runs: ``(samples, 2 NUMBERS)`` one-hot pairs and ``(samples,)`` sums."""

    train_x: Tensor
    train_y: Tensor
    held_out_x: Tensor
    held_out_y: Tensor

    def arrays(self, role: str) -> dict[str, npt.NDArray[np.generic]]:
        """A probe set of one role."""
        x, y = (self.train_x, self.train_y) if role == ProbeRole.TRAIN else (self.held_out_x, self.held_out_y)
        return {"x": x.numpy(), "y": y.numpy()}


@cache
def pairs() -> Pairs:
    """The samples."""
    a = torch.arange(NUMBERS).repeat_interleave(NUMBERS)
    b = torch.arange(NUMBERS).repeat(NUMBERS)
    x = torch.cat([nn.functional.one_hot(a, NUMBERS), nn.functional.one_hot(b, NUMBERS)], 1).float()
    y = (a + b) % NUMBERS
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    cut = int(TRAIN_SHARE * len(x))
    train, held_out = order[:cut], order[cut:]
    return Pairs(x[train], y[train], x[held_out], y[held_out])


def run(seed: int, weight_decay: float) -> Iterator[tuple[int, nn.Module]]:
    """The network along one training run, by step; the same object goes on training between two of them."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    model = build("mlp", **ARGUMENTS)
    torch.set_rng_state(state)
    data = pairs()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=weight_decay)
    for step in range(STEPS + 1):
        if step % KEPT_EVERY == 0:
            yield step, model
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(data.train_x), data.train_y).backward()
        optimiser.step()
