"""What measures are given: outputs, features, weights, or a network on its probe set."""

import copy
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

Weights = Mapping[str, Tensor]
MOST_PER_PASS = 4096
FEW_CLASSES = 32
# What a forward pass leaves, what its backward pass leaves, and what differentiating both takes.
PASSES_KEPT = 6
CACHE_BYTES = 4 << 20
FEWEST_AT_ONCE, MOST_AT_ONCE = 8, 1024
# What a network may raise when a trial takes it apart; the trial then says no.
BROKEN = (RuntimeError, AttributeError, TypeError, IndexError, KeyError, ValueError, NotImplementedError)
BUFFER_NAMES = ("running_mean", "running_var", "num_batches_tracked")


class Undefined(ValueError):
    """A number does not exist for this input; the sentence is shown instead of it."""


@dataclass(frozen=True)
class Outputs:
    """What one model answers to a probe set.

    Attributes:
        logits: ``(samples, classes)``, float64.
        labels: ``(samples,)``, int64, where the probe set has them.
        references: the same of the checkpoints that a measure needs beside those it compares.
    """

    logits: Tensor
    labels: Tensor | None = None
    references: tuple["Outputs", ...] = ()

    def rows(self, index: Tensor) -> "Outputs":
        """The answers to some of the samples."""
        index = index.to(self.logits.device)
        labels = None if self.labels is None else self.labels[index]
        return Outputs(self.logits[index], labels, tuple(r.rows(index) for r in self.references))

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.logits.shape[0])

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Log softmax of the logits, ``(samples, classes)``, in nats."""
        return self.logits.log_softmax(dim=1)

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, ``(samples, classes)``."""
        return self.log_probabilities.exp()

    @cached_property
    def predictions(self) -> Tensor:
        """Most likely class of each sample; the first one where several tie."""
        return self.logits.argmax(dim=1)

    @cached_property
    def order(self) -> Tensor:
        """Classes of each sample from the most to the least likely, ties by number, ``(samples, classes)``."""
        if self.logits.shape[1] <= FEW_CLASSES:
            return _inverse(self.places)
        found = self.logits.sort(dim=1, descending=True, stable=True).indices
        return found.to(torch.uint8 if found.shape[1] <= 256 else torch.int32)

    @cached_property
    def places(self) -> Tensor:
        """Place of each class in that order, from 0, ``(samples, classes)``."""
        return _places_of_few(self.logits) if self.logits.shape[1] <= FEW_CLASSES else _inverse(self.order)

    @cached_property
    def right(self) -> Tensor:
        """1 where the prediction is the label, else 0, ``(samples,)``, float64."""
        if self.labels is None:
            raise Undefined("This measure needs labels, and the probe set has none.")
        return (self.predictions == self.labels).to(self.logits.dtype)


def _places_of_few(logits: Tensor) -> Tensor:
    """A class stands behind as many as come before it; few are counted sooner than sorted."""
    samples, classes = logits.shape
    z = logits.T.contiguous()
    behind = torch.arange(classes - 1, -1, -1, dtype=torch.int8, device=z.device)[:, None].repeat(1, samples)
    for step in range(1, classes):
        comes_first = (z[:-step] >= z[step:]).view(torch.int8)
        behind[step:] += comes_first
        behind[:-step] -= comes_first
    return behind.T.contiguous().view(torch.uint8)


def _inverse(order: Tensor) -> Tensor:
    """Where each number stands in rows that hold every number once, ``(rows, numbers)``."""
    numbers = torch.arange(order.shape[1], dtype=order.dtype, device=order.device)
    return torch.empty_like(order).scatter_(1, order.long(), numbers.expand(len(order), -1))


@dataclass(frozen=True)
class Layer:
    """What one layer of one model sees in a probe set, with what stands beside it.

    Attributes:
        features: ``(samples, width)``.
        labels: ``(samples,)``, int64, where the probe set has them.
        inputs: ``(samples, values)``, the raw samples, flattened.
        logits: ``(samples, classes)``, the network's answers.
        head: ``(classes, width)``, the last linear layer where this layer enters it.
    """

    features: Tensor
    labels: Tensor | None = None
    inputs: Tensor | None = None
    logits: Tensor | None = None
    head: Tensor | None = None

    def rows(self, index: Tensor) -> "Layer":
        """The same for some of the samples."""
        index = index.to(self.features.device)

        def some(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[index]

        return Layer(self.features[index], some(self.labels), some(self.inputs), some(self.logits), self.head)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.features.shape[0])

    @property
    def truth(self) -> Tensor:
        """The labels."""
        if self.labels is None or not self.labels.numel():
            raise Undefined("This measure needs labels, and the probe set has none.")
        return self.labels


@dataclass(frozen=True)
class Subject:
    """A network on the samples that its sharpness is asked about.

    The module is in eval mode and is never changed: weights enter through
    ``torch.func.functional_call``.

    Attributes:
        x: samples as the network takes them.
        y: ``(samples,)``, int64.
        groups: rows to leave out together for the intervals.
        chunk: most samples in one pass.
        seed: of random draws.
        scale: mean and standard deviation by which the raw samples were normalised.
        fresh: makes an untrained network of this architecture from a seed.
        references: networks that the measure needs beside those it compares.
        kept: what several measures of this network share.
        keep: gives tensors of a name from a place that outlives this process, or makes and puts them there.
    """

    module: nn.Module
    x: Tensor
    y: Tensor
    groups: tuple[Tensor, ...] = ()
    chunk: int = MOST_PER_PASS
    seed: int = 0
    scale: tuple[Tensor, Tensor] | None = None
    fresh: Callable[[int], nn.Module] | None = None
    references: tuple["Subject", ...] = ()
    kept: dict[Hashable, Any] = field(default_factory=dict)
    keep: Callable[[str, Callable[[], dict[str, Tensor]]], dict[str, Tensor]] | None = None

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """A value that several measures of this network need, made by the first."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    def lasting(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The same for tensors that are dear to make, small, and needed again by other jobs."""
        keep = self.keep
        found: dict[str, Tensor] = self.once(name, make if keep is None else lambda: keep(name, make))
        return found

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Parameters by name, detached; frozen ones too, whole numbers not."""
        return {n: p.detach() for n, p in self.module.named_parameters() if p.is_floating_point()}

    @cached_property
    def buffers(self) -> dict[str, Tensor]:
        """Buffers by name, such as BatchNorm statistics."""
        return {n: b.detach() for n, b in self.module.named_buffers()}

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.x.shape[0])

    @property
    def samples_at_once(self) -> int:
        """Most samples in one pass of which nothing is kept."""
        fitting: int = self.once("samples in cache", lambda: samples_in_cache(self.module, self.x))
        return min(self.chunk, fitting)

    def in_float64(self) -> "Subject":
        """The same network and samples with twice the digits; a copy, the module stays as it is."""
        if all(t.dtype == torch.float64 for t in self.weights.values()):
            return self

        def double() -> Subject:
            module = copy.deepcopy(self.module).double()
            x = self.x.double() if self.x.is_floating_point() else self.x
            return replace(self, module=module, x=x, kept={}, keep=None)

        found: Subject = self.once("float64", double)
        return found

    def in_smaller_passes(self) -> "Subject":
        """The same network with a quarter of the samples in one pass, and nothing kept."""
        others = tuple(replace(r, chunk=max(1, self.chunk // 4), kept={}) for r in self.references)
        return replace(self, chunk=max(1, self.chunk // 4), references=others, kept={})

    def of_rows(self, rows: Tensor) -> "Subject":
        """The same network on some of the samples."""
        rows = rows.to(self.x.device)
        y = self.y[rows] if self.y.numel() else self.y
        return replace(self, x=self.x[rows], y=y, groups=(), kept={}, keep=None)

    def grouped(self, groups: tuple[Tensor, ...]) -> "Subject":
        """The same network with other groups of samples to leave out."""
        return replace(self, groups=groups)

    def generator(self) -> torch.Generator:
        """A random generator made from the seed of the question."""
        return torch.Generator(device="cpu").manual_seed(self.seed)

    def logits(self, weights: Weights, x: Tensor, *, buffers: Weights | None = None) -> Tensor:
        """Logits ``(samples, classes)`` of the network with other weights."""
        state = {**(self.buffers if buffers is None else buffers), **weights}
        if not torch.is_grad_enabled():
            plain: Tensor = torch.func.functional_call(self.module, state, (x,))
            return plain
        with exact_attention():
            out: Tensor = torch.func.functional_call(self.module, state, (x,))
        return out

    def losses(self, weights: Weights | None = None, *, buffers: Weights | None = None) -> Tensor:
        """Cross-entropy of every sample, ``(samples,)``, in nats, without a graph; of other weights where given."""
        parts = []
        at_once = self.samples_at_once
        with torch.no_grad():
            for start in range(0, self.samples, at_once):
                x = self.x[start : start + at_once]
                logits = self.module(x) if weights is None else self.logits(weights, x, buffers=buffers)
                y = self.y[start : start + at_once]
                parts.append(nn.functional.cross_entropy(logits, y, reduction="none"))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def samples_per_pass(module: nn.Module, x: Tensor, *, room_bytes: int) -> int:
    """How many samples fit one pass that is differentiated twice, judged by what one sample leaves behind."""
    return max(1, min(MOST_PER_PASS, room_bytes // (PASSES_KEPT * max(1, sum(_left_behind(module, x))))))


def samples_in_cache(module: nn.Module, x: Tensor) -> int:
    """How many samples to send through a network at once where nothing of the pass is kept.

    On a processor, outputs of layers that outgrow its cache make a pass take up to twice as long.
    """
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is None for m in module.modules()):
        # Its answer to a sample depends on those beside it: no more passes than must be.
        return MOST_PER_PASS
    if x.device.type != "cpu":
        return MOST_AT_ONCE
    return max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, CACHE_BYTES // max([1, *_left_behind(module, x)])))


def _left_behind(module: nn.Module, x: Tensor) -> list[int]:
    """Bytes of what each layer returns for one sample."""
    sizes: list[int] = []

    def count(_m: nn.Module, _i: object, out: object) -> None:
        if isinstance(out, Tensor):
            sizes.append(out.numel() * out.element_size())

    handles = [m.register_forward_hook(count) for m in module.modules() if next(m.children(), None) is None]
    try:
        with torch.no_grad():
            module(x[:1])
    finally:
        for handle in handles:
            handle.remove()
    return sizes


@contextmanager
def exact_attention() -> Iterator[None]:
    """Attention by plain matrix products: the fused kernels have no second derivatives."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def is_parameter_name(name: str) -> bool:
    """Whether a tensor of a state dict is trained rather than a running statistic."""
    return name.rsplit(".", 1)[-1] not in BUFFER_NAMES
