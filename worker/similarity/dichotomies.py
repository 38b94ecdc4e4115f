"""Two-way splits of classes, and how a layer codes them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from math import comb
from statistics import median

import torch
from torch import Tensor

from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.draws import generator_of
from kinscape.worker.similarity.class_means import Classes, class_means
from kinscape.worker.similarity.kernels import narrowed

# Of more classes, ten are drawn for each split: five stand against five, and 120 pairings of them are tried.
MOST_CLASSES = 10
# Of which two to its power is a whole number of a float.
LARGEST_NAMED = 52
# Operations of all fits; half a minute with the intervals.
MOST_WORK = 2e10


@dataclass(frozen=True)
class Dichotomy:
    """Classes of one side against as many of the other, by their places among the classes."""

    plus: tuple[int, ...]
    minus: tuple[int, ...]


def classes_of(layer: Layer) -> Classes:
    """The classes of a layer, at least four of them.

    Raises:
        Undefined: there are fewer, or all have the same mean.
    """
    # Splits do not notice a rotation, and fewer columns than samples are quickly counted.
    classes = class_means(replace(layer, features=narrowed(layer.features)))
    if len(classes.names) < 4:
        raise Undefined("Splits of classes need four classes or more, two for each side.")
    if not float((classes.means - classes.means.mean(0)).norm()) > 1e-12:
        raise Undefined("All classes have the same mean.")
    return classes


def named(names: Tensor, side: int) -> Dichotomy:
    """The split whose one side has these labels.

    Args:
        names: ``(classes,)`` labels that have samples.
        side: the sum of two to the power of each label of one side.

    Raises:
        Undefined: it is no split into halves of two classes or more.
    """
    plus = tuple(k for k, label in enumerate(names.tolist()) if label >= 0 and side >> label & 1)
    minus = tuple(k for k in range(len(names)) if k not in plus)
    labels = [int(label) for label in names]
    strangers = [k for k in range(side.bit_length()) if side >> k & 1 and k not in labels]
    if strangers:
        raise Undefined(f"side={side} names labels without samples: {', '.join(map(str, strangers))}.")
    if len(names) % 2:
        raise Undefined(
            f"The halves of {len(names)} classes are not equal, so no side can be named: leave a class out."
        )
    if int(names[-1]) > LARGEST_NAMED:
        raise Undefined(f"Labels above {LARGEST_NAMED} cannot be named as a side: number the classes from 0.")
    if len(plus) != len(minus) or len(plus) > MOST_CLASSES // 2:
        raise Undefined(
            f"side={side} puts {len(plus)} of {len(names)} classes on one side; splits have as many on the other, at "
            f"most {MOST_CLASSES // 2} each."
        )
    return Dichotomy(plus, minus)


def dichotomies(classes: int, most: int) -> list[Dichotomy]:
    """Splits into halves of equal size: all of them, or so many drawn ones; the same for the same arguments."""
    size = min(classes, MOST_CLASSES) // 2
    if classes in (2 * size, 2 * size + 1) and comb(classes, 2 * size) * comb(2 * size, size) // 2 <= most:
        return [split for remaining in combinations(range(classes), 2 * size) for split in _halves(remaining)]
    draw, found = generator_of("dichotomies", classes, most), {}
    # Few splits are drawn twice; an end in any case.
    for _ in range(20 * most):
        order = torch.randperm(classes, generator=draw)[: 2 * size].tolist()
        one, other = sorted((tuple(sorted(order[:size])), tuple(sorted(order[size:]))))
        found[one, other] = Dichotomy(one, other)
        if len(found) == most:
            break
    return list(found.values())


def _halves(remaining: tuple[int, ...]) -> list[Dichotomy]:
    first, *rest = remaining
    with_first = [(first, *others) for others in combinations(rest, len(remaining) // 2 - 1)]
    return [Dichotomy(plus, tuple(k for k in remaining if k not in plus)) for plus in with_first]


def parallelism(means: Tensor, split: Dichotomy) -> float:
    """Mean cosine of the coding directions of a split, under the pairing for which it is highest.

    Args:
        means: ``(classes, width)``.
    """
    size = len(split.plus)
    differences = means[list(split.plus), None] - means[None, list(split.minus)]
    units = differences / differences.norm(dim=-1, keepdim=True).clamp_min(1e-300)
    flat = units.flatten(0, 1)
    # Cosines between all differences at once; a pairing names one difference for each class of the first side.
    cosines = flat @ flat.T
    pairings = torch.tensor(list(permutations(range(size))), device=means.device)
    chosen = pairings + size * torch.arange(size, device=means.device)
    sums = cosines[chosen[:, :, None], chosen[:, None, :]].sum((1, 2)) - size
    return float(sums.amax()) / (size * (size - 1))


def cross_condition_accuracy(classes: Classes, splits: list[Dichotomy], *, ridge: float) -> list[float]:
    """For each split, how often a linear classifier sorts classes that it was not fitted to.

    One class of each side is left out, a least-squares classifier is fitted to the others, each class counting the
    same, and asked on which side the samples of the two lie. Every choice of two is tried; of more than ten classes,
    as many as a side has classes.

    Args:
        ridge: added to the diagonal of the second moments, as a share of its mean.
    """
    moments = _second_moments(classes)
    # Splits that leave out the same two of the same classes share their second moments.
    fits: dict[tuple[tuple[int, ...], int, int], list[tuple[int, Dichotomy]]] = {}
    for number, split in enumerate(splits):
        everyone = tuple(sorted((*split.plus, *split.minus)))
        for a, b in _left_out(split, every=len(classes.names) <= MOST_CLASSES):
            fits.setdefault((everyone, min(a, b), max(a, b)), []).append((number, split))
    if len(fits) * classes.means.shape[1] ** 3 > MOST_WORK:
        raise Undefined(
            f"{len(fits):,} fits of {classes.means.shape[1]} units would take very long: ask for fewer splits, or "
            "reduce the layer first."
        )
    right: list[list[float]] = [[] for _ in splits]
    for (everyone, a, b), asked in fits.items():
        remaining = [k for k in everyone if k not in (a, b)]
        directions, centre = _fitted(classes, moments, remaining, [split for _, split in asked], ridge)
        for which in (a, b):
            projected = (classes.features[classes.member == which] - centre) @ directions
            share = (projected > 0).to(torch.float64).mean(0).tolist()
            for (number, split), positive in zip(asked, share, strict=True):
                right[number].append(positive if which in split.plus else 1 - positive)
    return [sum(values) / len(values) for values in right]


def _left_out(split: Dichotomy, *, every: bool) -> list[tuple[int, int]]:
    if every:
        return [(a, b) for a in split.plus for b in split.minus]
    return list(zip(split.plus, split.minus, strict=True))


def _fitted(
    classes: Classes, moments: Tensor, remaining: list[int], splits: list[Dichotomy], ridge: float
) -> tuple[Tensor, Tensor]:
    """Directions ``(width, splits)`` of the classifiers, and the point where they change sides ``(width,)``."""
    means = classes.means[remaining]
    centre = means.mean(0)
    around = means - centre
    scatter = moments[remaining].mean(0) + around.T @ around / len(remaining)
    scatter.diagonal().add_(ridge * scatter.diagonal().mean().clamp_min(1e-300))
    sides = torch.tensor([[1.0 if k in split.plus else -1.0 for split in splits] for k in remaining])
    return torch.linalg.solve(scatter, around.T @ sides.to(means) / len(remaining)), centre


def _second_moments(classes: Classes) -> Tensor:
    """Covariance of each class, ``(classes, width, width)``."""
    rows = [classes.residuals[classes.member == k] for k in range(len(classes.names))]
    return torch.stack([r.T @ r / len(r) for r in rows])


def best_of(names: Tensor, side: int, most: int, score: Callable[[list[Dichotomy]], list[float]]) -> Measurement:
    """The score of a named split, or the highest of all, with the classes of its first side."""
    splits = [named(names, side)] if side else dichotomies(len(names), most)
    scores = score(splits)
    highest = max(range(len(scores)), key=scores.__getitem__)
    labels = ", ".join(str(int(names[k])) for k in splits[highest].plus)
    notes: dict[str, float | int | str] = {"side": labels, "splits": len(scores), "median": median(scores)}
    return Measurement(scores[highest], notes=notes)
