"""Training one network of the zoo, the same every time."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinscape.worker.loading.builtin import digits
from kinscape.worker.loading.registry import build
from kinscape.worker.operations import pruning, quantising

# Enough for 95 % on the held-out digits.
EPOCHS = 40
# Recipe of small image networks.
BATCH = 64
# Usual for SGD on small image networks.
RATE = 0.05
# As in Foret et al. 2021.
SAM_RADIUS = 0.05
# Softens the teacher's predictions, as in Hinton et al. 2015.
TEMPERATURE = 2.0
# Only a diverging step is longer.
GRADIENT_LIMIT = 5.0


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    Attributes:
        init: seed of the first weights.
        order: seed of the order of samples (and of augmentation).
        weight_decay: strength of the L2 pull.
        sam: whether every step is taken from one step uphill.
        augment: whether images are noised and moved by one pixel.
    """

    init: int
    order: int
    weight_decay: float = 0.0
    sam: bool = False
    augment: bool = False


def data(role: str) -> tuple[Tensor, Tensor]:
    """Digits of one role as tensors."""
    x, y = digits(role)
    return torch.from_numpy(x), torch.from_numpy(y)


def fresh(seed: int) -> nn.Module:
    """An untrained network of this seed."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        return build("lenet", classes=10)
    finally:
        torch.set_rng_state(state)


def shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images with a little noise, every second batch moved by one pixel to one side."""
    noisy = x + 0.05 * torch.randn(x.shape, generator=generator)
    if int(torch.randint(0, 2, (1,), generator=generator)):
        return noisy
    axis, step = torch.randint(0, 2, (2,), generator=generator).tolist()
    return noisy.roll(2 * step - 1, dims=2 + axis)


def train(recipe: Recipe, *, teacher: nn.Module | None = None) -> nn.Module:
    """A trained network; with a teacher it learns the teacher's predictions instead of the labels."""
    x, y = data("train")
    model = fresh(recipe.init).train()
    generator = torch.Generator().manual_seed(1000 + recipe.order)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=recipe.weight_decay)
    steps = EPOCHS * ((len(x) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            batch = shifted(x[rows], generator) if recipe.augment else x[rows]
            _step(model, optimiser, batch, y[rows], recipe=recipe, teacher=teacher)
            schedule.step()
    return model.eval()


def _step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    *,
    recipe: Recipe,
    teacher: nn.Module | None,
) -> None:
    def backward() -> None:
        optimiser.zero_grad()
        _loss(model(x), x, y, teacher).backward()

    backward()
    if recipe.sam:
        before = [p.detach().clone() for p in model.parameters()]
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        length = torch.stack([g.norm() for g in grads]).norm() + 1e-12
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p.add_(p.grad, alpha=float(SAM_RADIUS / length))
        backward()
        with torch.no_grad():
            for p, old in zip(model.parameters(), before, strict=True):
                p.copy_(old)
    nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_LIMIT)
    optimiser.step()


def _loss(logits: Tensor, x: Tensor, y: Tensor, teacher: nn.Module | None) -> Tensor:
    if teacher is None:
        return nn.functional.cross_entropy(logits, y)
    with torch.no_grad():
        target = (teacher(x) / TEMPERATURE).softmax(1)
    answer = (logits / TEMPERATURE).log_softmax(1)
    return nn.functional.kl_div(answer, target, reduction="batchmean") * TEMPERATURE**2


def pruned(model: nn.Module, share: float) -> nn.Module:
    """A copy whose smallest weights, over all matrices together, are zero."""
    return _with(model, pruning.pruned(model.state_dict(), share=share, per_layer=False, at_random=False, seed=0))


def quantised(model: nn.Module, bits: int) -> nn.Module:
    """A copy whose matrices hold 2^bits - 1 values per output channel."""
    return _with(model, quantising.quantised(model.state_dict(), bits=bits, per_tensor=False))


def _with(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    copied = copy.deepcopy(model)
    copied.load_state_dict(weights)
    return copied


def accuracy(model: nn.Module) -> float:
    """Accuracy on the held-out digits."""
    x, y = data("held-out")
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())
