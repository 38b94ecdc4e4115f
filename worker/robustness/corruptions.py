"""Seeded corruptions of images, bit for bit the same every time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kinscape.worker.numerics.draws import generator_of

Corruption = Callable[[Tensor, float, torch.Generator], Tensor]
# As in the published families of corruptions.
SEVERITIES = 5
# Strengths are given for images of this side and scale with it.
USUAL_SIDE = 32


def _noise(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return x + strength * torch.randn(x.shape, generator=generator)


def _shot(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return torch.poisson(x * strength, generator=generator) / strength


def _impulse(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    hit = torch.rand(x.shape, generator=generator)
    return torch.where(hit < strength / 2, 0.0, torch.where(hit < strength, 1.0, x))


def _speckle(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return x + x * strength * torch.randn(x.shape, generator=generator)


def _blur(x: Tensor, strength: float, _: torch.Generator) -> Tensor:
    width = strength * min(x.shape[2:]) / USUAL_SIDE
    reach = max(1, round(3 * width))
    offsets = torch.arange(-reach, reach + 1, dtype=x.dtype)
    kernel = (-(offsets / width).square() / 2).exp()
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    padded = nn.functional.pad(x, (reach,) * 4, mode="replicate")
    along = nn.functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return nn.functional.conv2d(along, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _brighter(x: Tensor, strength: float, _: torch.Generator) -> Tensor:
    return x + strength


def _flatter(x: Tensor, strength: float, _: torch.Generator) -> Tensor:
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * strength + mean


def _pixelated(x: Tensor, strength: float, _: torch.Generator) -> Tensor:
    height, width = (max(1, round(side * strength)) for side in x.shape[2:])
    small = nn.functional.adaptive_avg_pool2d(x, (height, width))
    return nn.functional.interpolate(small, size=x.shape[2:], mode="nearest")


def _moved(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Every image moved by the same share of its side, each in a direction of its own."""
    angle = 2 * torch.pi * torch.rand(len(x), generator=generator)
    step = 2 * strength * torch.stack([angle.cos(), angle.sin()], 1)
    turn = torch.eye(2).expand(len(x), 2, 2)
    return _resampled(x, torch.cat([turn, step[:, :, None]], 2))


def _turned(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Every image turned by the same angle in degrees, to the left or to the right."""
    sign = 2.0 * torch.randint(0, 2, (len(x),), generator=generator) - 1
    angle = torch.deg2rad(torch.tensor(strength)) * sign
    rows = [torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)]
    return _resampled(x, torch.cat([torch.stack(rows, 1), torch.zeros(len(x), 2, 1)], 2))


def _resampled(x: Tensor, way: Tensor) -> Tensor:
    grid = nn.functional.affine_grid(way, list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, ...]]] = {
    "gaussian noise": (_noise, (0.04, 0.08, 0.12, 0.18, 0.26)),
    "shot noise": (_shot, (60.0, 25.0, 12.0, 5.0, 3.0)),
    "impulse noise": (_impulse, (0.01, 0.03, 0.06, 0.11, 0.2)),
    "speckle noise": (_speckle, (0.15, 0.2, 0.35, 0.45, 0.6)),
    "gaussian blur": (_blur, (1.0, 1.5, 2.0, 3.0, 4.0)),
    "brightness": (_brighter, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (_flatter, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "pixelation": (_pixelated, (0.8, 0.65, 0.5, 0.4, 0.25)),
    "translation": (_moved, (0.03, 0.06, 0.1, 0.15, 0.2)),
    "rotation": (_turned, (5.0, 10.0, 15.0, 20.0, 30.0)),
}


def corrupted(images: Tensor, name: str, severity: int, *, seed: int) -> Tensor:
    """Images ``(samples, channels, height, width)`` in [0, 1], float32, with one corruption.

    Args:
        severity: 1 to 5.
        seed: the same seed gives the same bits, whatever was corrupted before.
    """
    change, strengths = CORRUPTIONS[name]
    number = list(CORRUPTIONS).index(name) * SEVERITIES + severity
    generator = generator_of("corruptions", seed, number)
    return change(images, strengths[severity - 1], generator).clamp(0, 1)
