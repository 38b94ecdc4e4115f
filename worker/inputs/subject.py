"""What measures are given: outputs, features, weights, or a network on its probe set."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from kinscape.worker.inputs.functional import call_with, copied
from kinscape.worker.inputs.passes import MOST_PER_PASS, samples_in_cache
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.draws import generator_of
from kinscape.worker.numerics.memo import Memo


@dataclass(frozen=True)
class Subject:
    """A network on the samples that its sharpness is asked about.

    The module is in eval mode and is never changed: weights enter through
    ``call_with``.

    Attributes:
        x: samples as the network takes them.
        y: ``(samples,)``, int64.
        groups: rows to leave out together for the intervals.
        chunk: most samples in one pass.
        whole: whether all samples must go through in one pass, as they depend on one another.
        seed: of random draws.
        scale: mean and standard deviation by which the raw samples were normalised.
        fresh: makes an untrained network of this architecture from a seed.
        references: networks that the measure needs beside those it compares.
        memo: what several measures of this network share.
        keep: gives tensors of a name from a place that outlives this process, or makes and puts them there.
    """

    module: nn.Module
    x: Tensor
    y: Tensor
    groups: tuple[Tensor, ...] = ()
    chunk: int = MOST_PER_PASS
    whole: bool = False
    seed: int = 0
    scale: tuple[Tensor, Tensor] | None = None
    fresh: Callable[[int], nn.Module] | None = None
    references: tuple["Subject", ...] = ()
    memo: Memo = field(default_factory=Memo)
    keep: Callable[[str, Callable[[], dict[str, Tensor]]], dict[str, Tensor]] | None = None

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """A value that several measures of this network need, made by the first."""
        return self.memo.once(key, make)

    def lasting(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The same for tensors that are expensive to make, small, and needed again by other jobs."""
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
        if self.whole:
            return self.samples
        fitting: int = self.once("samples in cache", lambda: samples_in_cache(self.module, self.x))
        return min(self.chunk, fitting)

    def in_float64(self) -> "Subject":
        """The same network and samples with twice the digits; a copy, the module stays as it is."""
        if all(t.dtype == torch.float64 for t in self.weights.values()):
            return self

        def double() -> Subject:
            module = copied(self.module).double()
            x = self.x.double() if self.x.is_floating_point() else self.x
            return replace(self, module=module, x=x, memo=Memo(), keep=None)

        found: Subject = self.once("float64", double)
        return found

    def in_smaller_passes(self) -> "Subject":
        """The same network with a quarter of the samples in one pass, and nothing kept.

        Raises:
            Undefined: they must go through in one.
        """
        if self.whole:
            raise Undefined("There is not enough memory for all samples at once, and they depend on one another.")
        others = tuple(replace(r, chunk=max(1, self.chunk // 4), memo=Memo()) for r in self.references)
        return replace(self, chunk=max(1, self.chunk // 4), references=others, memo=Memo())

    def of_rows(self, rows: Tensor) -> "Subject":
        """The same network on some of the samples."""
        rows = rows.to(self.x.device)
        y = self.y[rows] if self.y.numel() else self.y
        return replace(self, x=self.x[rows], y=y, groups=(), memo=Memo(), keep=None)

    def grouped(self, groups: tuple[Tensor, ...]) -> "Subject":
        """The same network with other groups of samples to leave out."""
        return replace(self, groups=groups)

    def generator(self) -> torch.Generator:
        """A random generator made from the seed of the question."""
        return generator_of("draws", self.seed)

    def logits(self, weights: Weights, x: Tensor, *, buffers: Weights | None = None) -> Tensor:
        """Logits ``(samples, classes)`` of the network with other weights."""
        state = {**(self.buffers if buffers is None else buffers), **weights}
        if not torch.is_grad_enabled():
            plain: Tensor = call_with(self.module, state, x)
            return plain
        with exact_attention():
            out: Tensor = call_with(self.module, state, x)
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
