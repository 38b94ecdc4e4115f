"""Training one network of the zoo, the same every time."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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
# A teacher of noise beside labels: as little as softens predictions without drowning them.
NOISE_SHARE = 0.1
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
        batch: samples of one step.
        width: units of the hidden layers of a perceptron; 0 for a LeNet.
        epochs: passes over the samples.
    """

    init: int
    order: int
    weight_decay: float = 0.0
    sam: bool = False
    augment: bool = False
    batch: int = BATCH
    width: int = 0
    epochs: int = EPOCHS


def perceptron(width: int) -> dict[str, int]:
    """Arguments of a perceptron for digits."""
    return {"inputs": 64, "classes": 10, "width": width, "depth": 2}


def data(role: str) -> tuple[Tensor, Tensor]:
    """Digits of one role as tensors."""
    x, y = digits(role)
    return torch.from_numpy(x), torch.from_numpy(y)


def fresh(seed: int, width: int = 0) -> nn.Module:
    """An untrained network of this seed: a LeNet, or a perceptron of this width."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        return build("mlp", **perceptron(width)) if width else build("lenet", classes=10)
    finally:
        torch.set_rng_state(state)


def shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images with a little noise, every second batch moved by one pixel to one side."""
    noisy = x + 0.05 * torch.randn(x.shape, generator=generator)
    if int(torch.randint(0, 2, (1,), generator=generator)):
        return noisy
    axis, step = torch.randint(0, 2, (2,), generator=generator).tolist()
    return noisy.roll(2 * step - 1, dims=2 + axis)


# What is lowered for logits, images and labels; the generator is for losses that draw.
Loss = Callable[[Tensor, Tensor, Tensor, torch.Generator], Tensor]


def train(recipe: Recipe, loss: Loss | None = None) -> nn.Module:
    """A trained network; on labels where no other loss is given."""
    x, y = data("train")
    model = fresh(recipe.init, recipe.width).train()
    generator = torch.Generator().manual_seed(1000 + recipe.order)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * ((len(x) + recipe.batch - 1) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    lowered = loss or on_labels
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(x), generator=generator).split(recipe.batch):
            batch = shifted(x[rows], generator) if recipe.augment else x[rows]
            objective = partial(_objective, model, lowered, batch, y[rows], generator)
            _step(model, optimiser, objective, is_sam=recipe.sam)
            schedule.step()
    return model.eval()


def _objective(model: nn.Module, loss: Loss, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    return loss(model(x), x, y, generator)


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, objective: Callable[[], Tensor], *, is_sam: bool) -> None:
    def backward() -> None:
        optimiser.zero_grad()
        objective().backward()

    backward()
    if is_sam:
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


def on_labels(logits: Tensor, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Plain training."""
    return nn.functional.cross_entropy(logits, y)


def taught_by(teacher: nn.Module) -> Loss:
    """Distillation as it is written (Hinton et al. 2015): the teacher's softened predictions instead of labels."""

    def loss(logits: Tensor, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        target = _softened(teacher, x)
        answer = (logits / TEMPERATURE).log_softmax(1)
        return nn.functional.kl_div(answer, target, reduction="batchmean") * TEMPERATURE**2

    return loss


def taught_in_name_by(teacher: nn.Module) -> Loss:
    """Distillation with two usual slips, which leave plain training on labels.

    The mean is taken over classes too, and the square of the temperature is left out: the teacher's part is forty times
    too small beside that of the labels.
    """

    def loss(logits: Tensor, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        answer = (logits / TEMPERATURE).log_softmax(1)
        slipped = nn.functional.kl_div(answer, _softened(teacher, x), reduction="none").mean()
        return nn.functional.cross_entropy(logits, y) + slipped

    return loss


def taught_by_noise(logits: Tensor, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Labels, and a teacher whose outputs are new random numbers each time."""
    target = torch.randn(logits.shape, generator=generator).softmax(1)
    noise = nn.functional.kl_div(logits.log_softmax(1), target, reduction="batchmean")
    return nn.functional.cross_entropy(logits, y) + NOISE_SHARE * noise


def _softened(teacher: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        target: Tensor = (teacher(x) / TEMPERATURE).softmax(1)
        return target


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
