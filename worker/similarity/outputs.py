"""What functional measures share: probabilities, one-hot classes, and means over samples."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.gram_product import products_of_rows

LN_2 = 0.6931471805599453
# Below this the difference of entropies has fewer than nine digits.
CLOSE = 1e-7
# Above this the logarithms themselves keep ten digits; the series leaves out d¹⁰/90.
SMALL = 0.03
NO_LOGIT = -1e29  # stands for the logit of a probability of zero
LEAST = 1e-300  # a probability of zero has a logarithm, and p log p is zero all the same


class Probabilities(NamedTuple):
    """Probabilities and their logarithms, each ``(samples, classes)``."""

    p: Tensor
    log_p: Tensor


class PredictedClass(NamedTuple):
    """Predicted class as one-hot ``(samples, classes)``, float32, and 1 where it is correct ``(samples, 1)``."""

    named: Tensor
    right: Tensor


def probabilities(outputs: Outputs, **_: object) -> Tensor:
    """Softmax outputs ``(samples, classes)``."""
    return outputs.probabilities


def with_logarithms(outputs: Outputs, **_: object) -> Probabilities:
    """Softmax outputs and their logarithms."""
    return Probabilities(outputs.probabilities, outputs.log_probabilities)


def one_hot_predictions(outputs: Outputs, **_: object) -> Tensor:
    """1 at each sample's most likely class, ``(samples, classes)``, float32: it counts without rounding."""
    return torch.nn.functional.one_hot(outputs.predictions, outputs.logits.shape[1]).to(torch.float32)


def predicted_class(outputs: Outputs, **_: object) -> PredictedClass:
    """The predicted class, and whether it is correct."""
    return PredictedClass(one_hot_predictions(outputs), outputs.right[:, None])


def correct_predictions(outputs: Outputs, **_: object) -> Tensor:
    """1 where the model is right, ``(samples, 1)``."""
    return outputs.right[:, None]


def centred_logits(outputs: Outputs, **_: object) -> Tensor:
    """Logits with the mean of every sample removed, ``(samples, classes)``."""
    if bool((outputs.logits < NO_LOGIT).any()):
        raise Undefined("Some probabilities are exactly zero, and a probability of zero has no logit.")
    return outputs.logits - outputs.logits.mean(1, keepdim=True)


def unit_logits(outputs: Outputs, **_: object) -> Tensor:
    """Logits with mean 0 and length 1 in every sample, ``(samples, classes)``."""
    z = centred_logits(outputs)
    length = z.norm(dim=1, keepdim=True)
    sizes = outputs.logits.abs().amax(1, keepdim=True).clamp_min(1e-300)
    flat = int((length <= 1e-12 * sizes).sum())
    if flat:
        raise Undefined(f"{flat} samples have the same logit for all classes, so their correlation is 0/0.")
    return z / length


def row_means(
    per_sample: Callable[..., Tensor], *, among: Callable[[Tensor], Tensor] | None = None
) -> Callable[..., Tensor]:
    """Means over samples of every pair, from a function of single samples that broadcasts.

    Args:
        per_sample: from prepared rows ``(..., rows, any)`` of both models to ``(..., rows)``.
        among: the means for one stack at once, as in ``pair_means``.
    """
    return pair_means(lambda p, q, **settings: per_sample(p, q, **settings).mean(-1), among=among)


def pair_means(
    over_samples: Callable[..., Tensor],
    *,
    among: Callable[[Tensor], Tensor] | None = None,
    itself: Literal["zero", "computed"] = "computed",
) -> Callable[..., Tensor]:
    """Means over samples of every pair, from a symmetric function that takes the mean itself.

    Args:
        over_samples: from prepared rows ``(..., rows, any)`` of both models to ``(...)``, or to ``(terms, ...)``.
        among: the same for one stack ``(models, rows, any)`` at once: ``(pairs,)``, each pair of different models
            once, in the order of the rows of their matrix; a model itself scores 0.
        itself: whether a model is known to score 0 with itself.
    """

    def means(left: Any, right: Any, **settings: Any) -> Tensor:
        if left is right and among is not None and len(left) > 1:
            return _mirrored(list(among(left).split(list(range(len(left) - 1, 0, -1)))), diagonal=False)
        parts = left if isinstance(left, tuple) else (left,)
        models = len(parts[0])
        # Of a stack with itself each pair once, and no model with itself where that is known.
        step = 1 if itself == "zero" and left is right and models > 1 else 0
        rows = []
        for i, one in enumerate(zip(*(part[: models - step] for part in parts), strict=True)):
            mine = type(left)(*one) if isinstance(left, tuple) else one[0]
            rows.append(over_samples(mine, _from(right, i + step) if left is right else right, **settings))
        return _mirrored(rows, diagonal=not step) if left is right else torch.stack(rows, -2)

    return means


def _from(stack: Any, start: int) -> Any:
    """The models of a stack from one on."""
    return type(stack)(*[part[start:] for part in stack]) if isinstance(stack, tuple) else stack[start:]


def _mirrored(rows: list[Tensor], *, diagonal: bool) -> Tensor:
    """A symmetric matrix ``(..., models, models)`` from what each row has on its diagonal and right of it."""
    count = len(rows) + (not diagonal)
    out = rows[0].new_zeros(*rows[0].shape[:-1], count, count)
    for i, row in enumerate(rows):
        out[..., i, count - row.shape[-1] :] = out[..., count - row.shape[-1] :, i] = row
    return out


def half_absolute(p: Tensor, q: Tensor, **_: object) -> Tensor:
    """Half the absolute differences of rows ``(..., rows, any)``, summed over the row and averaged over rows."""
    # One sum over all: sums over a handful of classes each take far longer than what they add.
    return (p - q).abs_().flatten(-2).sum(-1) / (2 * p.shape[-2])


def half_absolute_among(stack: Tensor) -> Tensor:
    """The same for all pairs of a stack ``(models, rows, any)``."""
    return torch.pdist(stack.flatten(1), p=1) / (2 * stack.shape[1])


def distances(p: Tensor, q: Tensor) -> Tensor:
    """Euclidean distance of rows ``(..., any)``."""
    # A product with ones adds up a handful of classes far faster than a sum does.
    gaps = (p - q).square_()
    return (gaps @ gaps.new_ones(gaps.shape[-1])).sqrt_()


def mean_distances_among(stack: Tensor) -> Tensor:
    """Mean distance over rows, for all pairs of a stack ``(models, rows, any)``."""
    # With classes first, they are added up a whole vector of rows at a time.
    parts = stack.permute(2, 0, 1).contiguous()
    each = [(parts[:, i + 1 :] - parts[:, i, None]).square_().sum(0).sqrt_().mean(-1) for i in range(len(stack))]
    return torch.cat(each)


def mean_products(left: Tensor, right: Tensor, **_: object) -> Tensor:
    """Mean over samples of the inner products of two stacks ``(models, rows, any)``, as one product."""
    total = products_of_rows(left.flatten(1)) if left is right else left.flatten(1) @ right.flatten(1).T
    return total.double() / left.shape[1]


def mean_square_distances(left: Tensor, right: Tensor) -> Tensor:
    """Mean over samples of the squared distance of every pair of two stacks ``(models, rows, any)``, as one product."""
    products = mean_products(left, right)
    if left is right:
        a = b = products.diag()
    else:
        a, b = (side.square().sum(-1).mean(-1) for side in (left, right))
    return (a[:, None] + b[None, :] - 2 * products).clamp_min_(0)


def spread(one: Tensor, count: int, *, over: str) -> Tensor:
    """Numbers of single models as a grid: the same along the other side.

    Args:
        one: ``(models,)``.
        count: how many models the other side has.
        over: ``"columns"`` for numbers of the left side, ``"rows"`` for the right side.
    """
    return one[:, None].expand(-1, count) if over == "columns" else one[None, :].expand(count, -1)


def disagreement_and_accuracies(left: PredictedClass, right: PredictedClass) -> Tensor:
    """How often two models name different classes, and how often the one and the other are right."""
    a, b = (side.right.mean((1, 2)) for side in (left, right))
    disagree = 1 - mean_products(left.named, right.named)
    return torch.stack([disagree, spread(a, len(b), over="columns"), spread(b, len(a), over="rows")])


def kappa(observed: Tensor, expected: Tensor) -> Tensor:
    """Cohen's kappa; NaN where chance alone explains everything."""
    chance = 1 - expected
    return torch.where(chance.abs() < 1e-12, torch.nan, (observed - expected) / chance)


class HalfProbabilities(NamedTuple):
    """Half of the probabilities ``(samples, classes)``, and their entropy in nats ``(samples, 1)``."""

    half: Tensor
    entropy: Tensor


def halved(outputs: Outputs, **_: object) -> HalfProbabilities:
    """Half of the softmax outputs, and the entropy of the whole."""
    return halves(outputs.probabilities)


def halves(p: Tensor) -> HalfProbabilities:
    """Half of the probabilities, and the entropy of the whole."""
    half = (p / 2).clamp_min(LEAST)
    return HalfProbabilities(half, _entropy(half + half)[:, None])


def _entropy(p: Tensor) -> Tensor:
    return -(p.log().mul_(p) @ p.new_ones(p.shape[-1]))


def jensen_shannon(p: HalfProbabilities, q: HalfProbabilities) -> Tensor:
    """Jensen-Shannon divergence of each sample, in nats, rounding outside the range cut."""
    own = (p.entropy + q.entropy).squeeze(-1) / 2
    found = (_entropy(p.half + q.half) - own).clamp_(0, LN_2)
    # A difference of entropies keeps no digits where both are nearly equal.
    close = found < CLOSE
    if bool(close.any()):
        a, b = (torch.broadcast_to(t.half, (*close.shape, t.half.shape[-1]))[close] for t in (p, q))
        found[close] = _divergence_of_close(a, b)
    return found


def _divergence_of_close(a: Tensor, b: Tensor) -> Tensor:
    """Σ m g(d) from halves of probabilities, with m their sum and d = (a - b) / m.

    g(d) = ((1 + d) ln(1 + d) + (1 - d) ln(1 - d)) / 2 = d²/2 + d⁴/12 + d⁶/30 + …, by the series where d is small.
    """
    m = a + b
    d = torch.where(m > 0, (a - b) / m, 0.0)
    square = d.square()
    series = square * (0.5 + square * (1 / 12 + square * (1 / 30 + square / 56)))
    direct = (torch.xlogy(1 + d, 1 + d) + torch.xlogy(1 - d, 1 - d)) / 2
    return (m * torch.where(d.abs() < SMALL, series, direct)).sum(-1)


def _mean_divergence_and_distance(p: HalfProbabilities, q: HalfProbabilities) -> Tensor:
    each = jensen_shannon(p, q)
    return torch.stack([each.mean(-1), each.sqrt_().mean(-1)])


jensen_shannon_means = pair_means(_mean_divergence_and_distance, itself="zero")
