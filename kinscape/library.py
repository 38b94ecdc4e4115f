"""Measures and architectures as plain functions, without any server."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from backend.contracts.cards import Arity, Card, Input
from backend.contracts.cells import Cell, Estimate
from backend.contracts.problems import Unprocessable
from worker.loading.registry import build
from worker.measures.catalogue import catalogue
from worker.measures.evaluation import evaluate_model, evaluate_network, evaluate_pairs, finite
from worker.measures.inputs import Outputs, Subject, Undefined
from worker.measures.measure import Measure
from worker.measures.uncertainty import row_groups

__all__ = ["BoundMeasure", "Matrix", "build", "measure", "measures"]
Array = Tensor | npt.NDArray[Any] | Sequence[Any]
Kind = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class Matrix:
    """All pairs of a list: values and 95 % intervals, each ``(n, n)``; NaN where there is none."""

    values: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    reasons: dict[tuple[int, int], str]


def measures() -> dict[str, Card]:
    """The card of every measure by slug."""
    return {slug: m.card for slug, m in catalogue().items()}


def measure(slug: str) -> "BoundMeasure":
    """A measure by its slug, ready to be called.

    Raises:
        Unprocessable: there is no such measure.
    """
    if slug not in catalogue():
        raise Unprocessable(f"Unknown measure {slug!r}; known: {', '.join(catalogue())}.")
    return BoundMeasure(catalogue()[slug])


def _tensor(value: Any) -> Tensor:
    try:
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="C"))
    except (TypeError, ValueError) as error:
        raise Unprocessable(f"This is not an array of numbers: {str(error)[:120]}.") from error
    if tensor.is_complex():
        raise Unprocessable("Complex numbers cannot be compared; take their real part or absolute value first.")
    return tensor.detach()


def _labels(value: Array) -> Tensor:
    """Labels as whole numbers."""
    found = _tensor(value)
    if found.is_floating_point() and bool((found != found.floor()).any()):
        raise Unprocessable("Labels must be whole numbers, one class number per sample, counted from 0.")
    return found.long()


def _outputs(value: Array, labels: Tensor | None, kind: Kind) -> Outputs:
    if kind not in ("logits", "probabilities"):
        raise Unprocessable(f'outputs must be "logits" or "probabilities", not {kind!r}.')
    raw = _tensor(value).to(torch.float64)
    if raw.ndim != 2 or raw.shape[1] < 2 or not len(raw):
        raise Unprocessable(f"Outputs must be (samples, classes) with at least two classes, not {tuple(raw.shape)}.")
    if labels is not None:
        if labels.shape != (len(raw),):
            raise Unprocessable(f"There are {tuple(labels.shape)} labels for {len(raw)} samples.")
        if bool((labels < 0).any()) or bool((labels >= raw.shape[1]).any()):
            raise Unprocessable(f"Labels must lie between 0 and {raw.shape[1] - 1}.")
    if kind == "probabilities":
        if bool((raw < 0).any()) or bool(((raw.sum(1) - 1).abs() > 1e-3).any()):
            raise Unprocessable('outputs="probabilities" needs rows that are not negative and sum to 1.')
        raw = raw.log().clamp_min(-1e30)
    finite_or_refuse(raw)
    return Outputs(raw, labels)


def finite_or_refuse(values: Tensor) -> None:
    """Raise when values are NaN or infinite."""
    try:
        finite(values)
    except Undefined as sentence:
        raise Unprocessable(str(sentence)) from sentence


def _features(value: Array) -> Tensor:
    x = _tensor(value)
    if x.ndim != 2 or 0 in x.shape:
        raise Unprocessable(f"Features must be (samples, width), not {tuple(x.shape)}.")
    x = x if x.is_floating_point() else x.to(torch.float64)
    finite_or_refuse(x)
    return x


def _subject(module: nn.Module, x: Tensor, y: Tensor, groups: tuple[Tensor, ...], seed: int) -> Subject:
    """A module on its samples, after one of them went through it."""
    first = next(module.parameters(), None)
    if x.is_floating_point() and first is not None and first.is_floating_point():
        x = x.to(first.dtype)
    try:
        with torch.no_grad():
            logits = module(x[:1])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise Unprocessable(f"The network cannot read x: {str(error)[:200]}") from error
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise Unprocessable("The network must return logits (samples, classes).")
    if bool((y < 0).any()) or bool((y >= logits.shape[1]).any()):
        raise Unprocessable(f"Labels must lie between 0 and {logits.shape[1] - 1}.")
    finite_or_refuse(x)
    return Subject(module, x, y, groups=groups, seed=seed)


class BoundMeasure:
    """One measure of the catalogue, called with tensors, arrays, state dicts or modules."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    @property
    def card(self) -> Card:
        """What the number is."""
        return self._measure.card

    def __call__(
        self, *data: Any, labels: Array | None = None, outputs: Kind = "logits", seed: int = 0,
        intervals: Literal[True, False] = True, **parameters: Any,
    ) -> Estimate:  # fmt: skip
        """The number, with its interval.

        Args:
            data: two feature matrices; two (or one) output matrices, for calibration followed by
                labels; two state dicts; one (or two) modules followed by ``x`` and ``y``.
            labels: class of each sample, where a measure of outputs needs them.
            outputs: whether outputs are logits or probabilities.
            seed: seed of random draws.
            intervals: whether to compute the interval.

        Raises:
            Unprocessable: the input does not fit the measure, or has no such number.
        """
        settings = self.card.settings(parameters)
        cell: Cell
        if self.card.input is Input.NETWORK:
            cell = self._of_networks(data, seed=seed, settings=settings, intervals=intervals)
        elif self.card.arity is Arity.MODEL:
            cell = self._of_model(data, labels, outputs, settings=settings, intervals=intervals)
        else:
            if len(data) != 2:
                raise Unprocessable(f"{self.card.slug} compares two inputs; {len(data)} were given.")
            prepared = self._inputs(data, labels, outputs)
            cell = self._pairs(prepared, [(0, 1)], settings, intervals=intervals)[0]
        if not isinstance(cell, Estimate):
            raise Unprocessable(cell.sentence)
        return cell

    def matrix(
        self, data: Sequence[Any], *, labels: Array | None = None, outputs: Kind = "logits",
        intervals: Literal[True, False] = True, **parameters: Any,
    ) -> Matrix:  # fmt: skip
        """All pairs of a list of features, outputs or state dicts at once."""
        if self.card.arity is Arity.MODEL or self.card.input is Input.NETWORK:
            raise Unprocessable(f"{self.card.slug} is not computed as a matrix; call it for each model or pair.")
        settings = self.card.settings(parameters)
        inputs = self._inputs(data, labels, outputs)
        n = len(inputs)
        pairs = [(i, j) for i in range(n) for j in range(n) if i < j or (i != j and not self.card.symmetric)]
        grids = np.full((3, n, n), np.nan)
        reasons: dict[tuple[int, int], str] = {}
        own = self._pairs(inputs, [(i, i) for i in range(n)], settings, intervals=False)
        for i, cell in enumerate(own):
            if isinstance(cell, Estimate):
                grids[:, i, i] = cell.value
            else:
                reasons[i, i] = cell.sentence
        for (i, j), cell in zip(pairs, self._pairs(inputs, pairs, settings, intervals=intervals), strict=True):
            places = [(i, j), (j, i)] if self.card.symmetric else [(i, j)]
            for place in places:
                if isinstance(cell, Estimate):
                    bounds = (cell.value, cell.low, cell.high)
                    grids[:, place[0], place[1]] = [np.nan if b is None else b for b in bounds]
                else:
                    reasons[place] = cell.sentence
        return Matrix(grids[0], grids[1], grids[2], reasons)

    def _inputs(self, data: Sequence[Any], labels: Array | None, kind: Kind) -> list[Any]:
        if self.card.input is Input.WEIGHTS:
            for state in data:
                if not isinstance(state, Mapping):
                    raise Unprocessable("Weights are compared as state dicts: pass model.state_dict().")
            return [dict(state) for state in data]
        truth = None if labels is None else _labels(labels)
        if self.card.needs_labels and truth is None:
            raise Unprocessable(f"{self.card.slug} needs labels: pass labels=.")
        if self.card.input is Input.OUTPUTS:
            found: list[Any] = [_outputs(d, truth, kind) for d in data]
            sizes = {o.samples for o in found}
            classes = {o.logits.shape[1] for o in found}
            if len(classes) > 1:
                raise Unprocessable(f"All outputs must have the same classes; they have {sorted(classes)}.")
        else:
            found = [_features(d) for d in data]
            sizes = {len(x) for x in found}
        if len(sizes) > 1:
            raise Unprocessable(f"All inputs must show the same samples; they have {sorted(sizes)}.")
        return found

    def _pairs(
        self, inputs: list[Any], pairs: list[tuple[int, int]], settings: dict[str, Any], *, intervals: bool
    ) -> list[Cell]:
        data: dict[Hashable, Any] = dict(enumerate(inputs))
        groups: tuple[Tensor, ...] = ()
        if intervals and self.card.input is not Input.WEIGHTS and inputs:
            first = inputs[0]
            groups = row_groups(first.samples if isinstance(first, Outputs) else len(first))
        return evaluate_pairs(self._measure, data, data, pairs, settings, groups=groups)

    def _of_model(
        self, data: Sequence[Any], labels: Array | None, kind: Kind, *, settings: dict[str, Any], intervals: bool
    ) -> Cell:
        if not 1 <= len(data) <= 2:
            raise Unprocessable(f"{self.card.slug} takes outputs and labels.")
        truth = data[1] if len(data) == 2 else labels
        if truth is None and self.card.needs_labels:
            raise Unprocessable(f"{self.card.slug} needs labels: pass them after the outputs.")
        outputs = _outputs(data[0], None if truth is None else _labels(truth), kind)
        groups = row_groups(outputs.samples) if intervals else ()
        return evaluate_model(self._measure, outputs, settings, groups=groups)

    def _of_networks(self, data: Sequence[Any], *, seed: int, settings: dict[str, Any], intervals: bool) -> Cell:
        count = 2 if self.card.arity is Arity.PAIR else 1
        if len(data) != count + 2 or not all(isinstance(m, nn.Module) for m in data[:count]):
            what = "two modules" if count == 2 else "a module"
            raise Unprocessable(f"{self.card.slug} takes {what}, then x and y.")
        x, y = _tensor(data[-2]), _labels(data[-1])
        if not x.ndim or not len(x) or y.shape != (len(x),):
            raise Unprocessable(f"There are {tuple(y.shape)} labels for samples of shape {tuple(x.shape)}.")
        groups = row_groups(len(x)) if intervals else ()
        modules: list[nn.Module] = list(data[:count])
        modes = [{m: m.training for m in module.modules()} for module in modules]
        try:
            for module in modules:
                module.eval()
            with torch.inference_mode(mode=False), torch.enable_grad():
                subjects = [_subject(m, x, y, groups, seed) for m in modules]
                return evaluate_network(self._measure, subjects, settings)
        finally:
            for before in modes:
                for part, training in before.items():
                    part.training = training
