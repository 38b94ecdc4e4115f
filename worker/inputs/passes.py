"""How many samples go through a network at once."""

import torch
from torch import Tensor, nn

# Bounds a pass of tiny networks.
MOST_PER_PASS = 4096


# What a forward pass leaves, what its backward pass leaves, and what differentiating both takes.
PASSES_KEPT = 6


# Outputs of one layer should stay in a CPU's cache.
CACHE_BYTES = 4 << 20


# Between these the cache decides.
FEWEST_AT_ONCE, MOST_AT_ONCE = 8, 1024


def needs_batch(module: nn.Module) -> bool:
    """Whether a norm of the network takes its statistics from the batch, in eval mode too."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is None for m in module.modules())


def smallest_batch(x: Tensor) -> Tensor:
    """As few samples as any network can read: norms without statistics of their own need two.

    A copy: a network may change what it is given.
    """
    return x[:2].clone()


def samples_per_pass(module: nn.Module, x: Tensor, *, room_bytes: int) -> int:
    """How many samples fit one pass that is differentiated twice, judged by what one sample leaves behind."""
    return max(1, min(MOST_PER_PASS, room_bytes // (PASSES_KEPT * max(1, sum(_left_behind(module, x))))))


def samples_in_cache(module: nn.Module, x: Tensor) -> int:
    """How many samples to send through a network at once where nothing of the pass is kept.

    On a CPU, outputs of layers that outgrow its cache make a pass take up to twice as long.
    """
    if needs_batch(module):
        # Its output for a sample depends on the other samples of the pass: no more passes than must be.
        return MOST_PER_PASS
    if x.device.type != "cpu":
        return MOST_AT_ONCE
    return max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, CACHE_BYTES // max([1, *_left_behind(module, x)])))


def _left_behind(module: nn.Module, x: Tensor) -> list[int]:
    """Bytes of what each layer returns for one sample."""
    sizes: list[int] = []
    seen = smallest_batch(x)

    def count(_m: nn.Module, _i: object, out: object) -> None:
        if isinstance(out, Tensor):
            sizes.append(out.numel() * out.element_size() // len(seen))

    handles = [m.register_forward_hook(count) for m in module.modules() if next(m.children(), None) is None]
    try:
        with torch.no_grad():
            module(seen)
    finally:
        for handle in handles:
            handle.remove()
    return sizes
