"""Measures and architectures as plain functions, without any server."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Arity, Card, Input, Pace, Role
from kinscape.backend.contracts.cells import Cell, Estimate
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.given import (
    Array,
    Kind,
    features_of,
    labels_of,
    layer_of,
    outputs_of,
    tensor,
    weights_of,
)
from kinscape.matrix import Matrix
from kinscape.networks import left_as_they_were, subject_of
from kinscape.worker.evaluation.batch import Batch, PairResults
from kinscape.worker.evaluation.cells import evaluate_pairs, not_applicable
from kinscape.worker.evaluation.intervals import bounds, row_groups
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.models import evaluate_both, evaluate_model
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.evaluation.results import results_of
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.loading.registry import build
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.numerics.memo import Memo
from kinscape.worker.numerics.progress import Listener, told
from kinscape.worker.numerics.threads import CPU, side_by_side

__all__ = ["BoundMeasure", "Matrix", "build", "matrices", "measure", "measures"]
BESIDE = ("inputs", "logits", "head")


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


@contextmanager
def whole_precision() -> Iterator[None]:
    """Within this, products are made in the precision of their factors, whatever autocast says outside."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


@whole_precision()
def matrices(
    slugs: Sequence[str],
    data: Sequence[Any],
    *,
    labels: Array | None = None,
    outputs: Kind | None = None,
    intervals: Literal[True, False] = True,
) -> dict[str, Matrix]:
    """Several measures of all pairs at once, with their default parameters; measures that can share a pass do."""
    inputs: dict[Input, list[Any]] = {}
    memos: dict[Input, Memo] = {}
    passes: dict[Hashable, list[str]] = {}
    for slug in slugs:
        one = measure(slug)
        if one.card.input not in inputs or (one.card.needs_labels and labels is None):
            inputs[one.card.input] = one.read(data, labels=labels, outputs=outputs)
            memos[one.card.input] = Memo()
        passes.setdefault(one.shared_pass, []).append(slug)

    def computed(some: Sequence[str]) -> dict[str, Matrix]:
        out = {}
        for one in map(measure, some):
            kind = one.card.input
            settings = one.card.settings({})
            out[one.card.slug] = one.matrix_of(inputs[kind], settings, intervals=intervals, memo=memos[kind])
        return out

    alone = passes.pop(None, [])
    # Measures of single pairs take longest, so they begin first.
    rest = sorted(passes.values(), key=lambda some: measure(some[0]).card.pace is Pace.PRODUCT)
    tasks = [partial(computed, some) for some in rest]
    device = next((one.logits.device for one in inputs.get(Input.OUTPUTS, ())), CPU)
    each = [computed(alone), *side_by_side(tasks, device=device)]
    found = {slug: one for some in each for slug, one in some.items()}
    return {slug: found[slug] for slug in slugs}


class BoundMeasure:
    """One measure of the catalogue, called with tensors, arrays, state dicts or modules."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    @property
    def card(self) -> Card:
        """What the number is."""
        return self._measure.card

    @property
    def shared_pass(self) -> Hashable:
        """What functional measures that share a pass over the samples have in common; None for other measures."""
        if self.card.input is not Input.OUTPUTS:
            return None
        way = self._measure.all_pairs
        return way.terms if isinstance(way, SampleMeans) else self.card.slug, self._measure.prepare

    @whole_precision()
    def __call__(
        self,
        *data: Any,
        labels: Array | None = None,
        outputs: Kind | None = None,
        seed: int = 0,
        references: Sequence[Any] = (),
        intervals: Literal[True, False] = True,
        **parameters: Any,
    ) -> Estimate:
        """The number, with its interval.

        Args:
            data: two feature matrices (or arrays ``(samples, positions, width)``, where every position
                counts); two (or one) output matrices; one feature matrix for measures of a layer; two (or one)
                state dicts; one (or two) modules followed by ``x`` and ``y``. For one model, labels may
                follow. For a gap between train and held-out samples: outputs and labels of the one, then of the
                other.
            labels: class of each sample, where a measure needs them.
            outputs: whether outputs are logits (the default) or probabilities.
            seed: seed of random draws.
            references: what the measure needs beside what it compares, such as controls.
            intervals: whether to compute the interval.
            parameters: of the measure; and beside a layer its ``inputs``, ``logits`` or ``head``.

        Raises:
            Unprocessable: the input does not fit the measure, or has no such number.
        """
        beside = {k: parameters.pop(k) for k in BESIDE if k in parameters} if self._is_of_layers else {}
        settings = self.card.settings(parameters)
        fewest, most = self.card.references
        if not fewest <= len(references) <= most:
            allowed = f"{fewest} to {most}: {self.card.references_help}" if most else "none"
            raise Unprocessable(f"{self.card.slug} takes references ({allowed}); {len(references)} were given.")
        cell: Cell
        if self.card.input is Input.NETWORK:
            cell = self._of_networks(data, references, seed=seed, settings=settings, intervals=intervals)
        elif self.card.role is Role.BOTH:
            cell = self._of_both(data, outputs, settings, intervals=intervals)
        elif self.card.arity is Arity.MODEL and self.card.input is Input.WEIGHTS:
            if len(data) != 1:
                raise Unprocessable(f"{self.card.slug} is about one state dict; {len(data)} were given.")
            cell = evaluate_model(self._measure, weights_of(data[0]), settings)
        elif self.card.arity is Arity.MODEL:
            found = self._of_one(data, labels, outputs, beside)
            cell = evaluate_model(self._measure, found, settings, groups=row_groups(found.samples) if intervals else ())
        else:
            if len(data) != 2:
                raise Unprocessable(f"{self.card.slug} compares two inputs; {len(data)} were given.")
            both = dict[int, Any](enumerate(self.read(data, labels=labels, outputs=outputs)))
            if references:
                named = tuple(self.read(references, labels=labels, outputs=outputs))
                both = {place: replace(one, references=named) for place, one in both.items()}
            groups = self._groups(list(both.values()), intervals=intervals)
            cell = evaluate_pairs(self._measure, Batch(both, None, [(0, 1)], groups), settings).cell(0)
        if not isinstance(cell, Estimate):
            raise Unprocessable(cell.sentence)
        return cell

    def matrix(
        self,
        data: Sequence[Any],
        *,
        labels: Array | None = None,
        outputs: Kind | None = None,
        intervals: Literal[True, False] = True,
        progress: Listener | None = None,
        **parameters: Any,
    ) -> Matrix:
        """All pairs of a list of features, outputs or state dicts at once.

        Args:
            progress: told the share that is done, from 0 to 1, of the pass under way: values first, then
                intervals where these need passes of their own.
        """
        settings = self.card.settings(parameters)
        with told(progress):
            return self.matrix_of(self.read(data, labels=labels, outputs=outputs), settings, intervals=intervals)

    @whole_precision()
    def matrix_of(
        self,
        inputs: list[Any],
        settings: dict[str, Any],
        *,
        intervals: Literal[True, False],
        memo: Memo | None = None,
    ) -> Matrix:
        """The same from inputs that were read already.

        Args:
            memo: shared by measures of the same inputs, so that one pass serves several.
        """
        if self.card.arity is Arity.MODEL or self.card.input is Input.NETWORK:
            raise Unprocessable(f"{self.card.slug} is not computed as a matrix; call it for each model or pair.")
        n, card = len(inputs), self.card
        # Where the card says what a model scores with itself, that is not computed again.
        pairs = [(i, j) for i in range(n) for j in range(n) if (i < j or not card.symmetric) and i != j]
        if card.identical is None:
            pairs += [(i, i) for i in range(n)]
        groups = self._groups(inputs, intervals=intervals)
        batch = Batch(dict(enumerate(inputs)), None, pairs, groups, Memo() if memo is None else memo)
        found = results_of(self._measure, batch, settings)
        samples, width = _size(inputs)
        small = self._measure.small(samples, width) if self._measure.small else ""
        warning = " ".join(dict.fromkeys(w for w in (small, *found.warnings.values()) if w))
        low, high = bounds(card, found.values, found.replicates, samples=samples)
        return _laid_out(card, found, (low, high), pairs, n=n, warning=warning)

    def read(self, data: Sequence[Any], *, labels: Array | None, outputs: Kind | None) -> list[Any]:
        """What was passed, checked: outputs, features or weights of each model."""
        if not len(data):
            raise Unprocessable("There is nothing to compare: pass at least one model.")
        if self.card.input is Input.WEIGHTS:
            return [weights_of(state) for state in data]
        truth = labels_of(labels)
        if self.card.needs_labels and truth is None:
            raise Unprocessable(f"{self.card.slug} needs labels: pass labels=.")
        if self.card.input is Input.OUTPUTS:
            found: list[Any] = [outputs_of(d, truth, outputs) for d in data]
            sizes = {o.samples for o in found}
            classes = {o.logits.shape[1] for o in found}
            if len(classes) > 1:
                raise Unprocessable(f"All outputs must have the same classes; they have {sorted(classes)}.")
        else:
            found = [features_of(d, of_positions=self.card.takes_positions) for d in data]
            sizes = {len(x) for x in found}
        if len(sizes) > 1:
            raise Unprocessable(f"All inputs must show the same samples; they have {sorted(sizes)}.")
        return found

    @property
    def _is_of_layers(self) -> bool:
        return self.card.input is Input.FEATURES and self.card.arity is Arity.MODEL

    def _groups(self, inputs: list[Any], *, intervals: bool) -> tuple[Tensor, ...]:
        if not intervals or self.card.input is Input.WEIGHTS or not inputs:
            return ()
        return row_groups(_size(inputs)[0])

    def _of_one(
        self, data: Sequence[Any], labels: Array | None, kind: Kind | None, beside: dict[str, Any]
    ) -> Outputs | Layer:
        what = "features" if self._is_of_layers else "outputs"
        if not 1 <= len(data) <= 2:
            raise Unprocessable(f"{self.card.slug} takes {what}, and labels where it needs them.")
        truth = labels_of(data[1] if len(data) == 2 else labels)
        if truth is None and self.card.needs_labels:
            raise Unprocessable(f"{self.card.slug} needs labels: pass them after the {what}.")
        return layer_of(data[0], truth, beside) if self._is_of_layers else outputs_of(data[0], truth, kind)

    def _of_both(
        self, data: Sequence[Any], kind: Kind | None, settings: dict[str, Any], *, intervals: Literal[True, False]
    ) -> Cell:
        if len(data) != 4:
            raise Unprocessable(f"{self.card.slug} takes outputs and labels of train samples, then of held-out ones.")
        train, held_out = (outputs_of(data[k], labels_of(data[k + 1]), kind) for k in (0, 2))
        return evaluate_both(self._measure, train, held_out, settings, intervals=intervals)

    def _of_networks(
        self, data: Sequence[Any], references: Sequence[Any], *, seed: int, settings: dict[str, Any], intervals: bool
    ) -> Cell:
        count = 2 if self.card.arity is Arity.PAIR else 1
        if len(data) != count + 2 or not all(isinstance(m, nn.Module) for m in [*data[:count], *references]):
            what = "two modules" if count == 2 else "a module"
            raise Unprocessable(f"{self.card.slug} takes {what}, then x and y.")
        x, y = tensor(data[-2]), labels_of(data[-1])
        if not x.ndim or not len(x) or y is None or y.shape != (len(x),):
            raise Unprocessable(
                f"There are {tuple(tensor(data[-1]).shape)} labels for samples of shape {tuple(x.shape)}."
            )
        groups = row_groups(len(x)) if intervals else ()
        modules: list[nn.Module] = [*data[:count], *references]
        try:
            with torch.inference_mode(mode=False), torch.enable_grad(), left_as_they_were(modules):
                subjects = [subject_of(m, x, y, groups=groups, seed=seed, references=references) for m in data[:count]]
                return evaluate_network(self._measure, subjects, settings)
        except Undefined as sentence:
            return not_applicable(str(sentence))


def _size(inputs: list[Any]) -> tuple[int, int]:
    if isinstance(inputs[0], Outputs):
        return inputs[0].samples, int(inputs[0].logits.shape[1])
    if isinstance(inputs[0], Tensor):
        return len(inputs[0]), max(int(x.shape[-1]) for x in inputs)
    return 0, 0


def _laid_out(
    card: Card,
    found: PairResults,
    interval: tuple[Tensor, Tensor],
    pairs: list[tuple[int, int]],
    *,
    n: int,
    warning: str,
) -> Matrix:
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    layers = [found.values[None], *(end[None] for end in interval)]
    if found.replicates is not None:
        layers.append(found.replicates)
    flat = torch.cat(layers).numpy()
    grids = np.full((len(flat), n, n), np.nan)
    grids[:, rows, columns] = flat
    reasons = {pairs[k]: sentence for k, sentence in found.reasons.items()}
    if card.symmetric:
        grids[:, columns, rows] = flat
        reasons |= {(j, i): sentence for (i, j), sentence in reasons.items()}
    if card.identical is not None:
        grids[:, np.arange(n), np.arange(n)] = card.identical
        for i in range(n):
            if i in found.refused:
                grids[:, i, i] = np.nan
                reasons[i, i] = found.refused[i]
    return Matrix(grids[0], grids[1], grids[2], reasons, grids[3:], warning)
