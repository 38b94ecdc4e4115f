"""Weights as one vector, and back."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from kinscape.worker.inputs.subject import Subject
from kinscape.worker.numerics.draws import generator_of

# Vectors of the size of the network in memory at once.
MOST_BYTES = 1 << 30

Product = Callable[[Tensor], Tensor]


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors as one vector."""
    return torch.cat([t.reshape(-1) for t in tensors])


def unflat(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A vector cut and shaped like a list of tensors."""
    parts = vector.split([t.numel() for t in like])
    return [p.view_as(t) for p, t in zip(parts, like, strict=True)]


def all_weights(subject: Subject) -> Tensor:
    """The network's weights as one vector."""
    return flat(list(subject.weights.values()))


def size_of(subject: Subject) -> int:
    """Number of weights."""
    return sum(w.numel() for w in subject.weights.values())


def shifted(subject: Subject, step: Tensor) -> dict[str, Tensor]:
    """The network's weights with a step added."""
    parts = unflat(step, list(subject.weights.values()))
    return {n: w + d for (n, w), d in zip(subject.weights.items(), parts, strict=True)}


def random_signs(subject: Subject, generator: torch.Generator) -> Tensor:
    """A vector of -1 and 1, one for each weight."""
    like = next(iter(subject.weights.values()))
    return (torch.randint(0, 2, (size_of(subject),), generator=generator) * 2 - 1).to(like)


def start_vector(subject: Subject, number: int) -> Tensor:
    """Random signs of unit length, by number: the start of a Krylov run, or a probe."""
    generator = generator_of("start vectors", subject.seed, number)
    signs = random_signs(subject, generator)
    return signs / signs.norm()


def start_vectors(subject: Subject, numbers: Sequence[int]) -> Iterator[list[Tensor]]:
    """The same for many numbers, in lists that fit the memory."""
    like = next(iter(subject.weights.values()))
    at_once = max(1, MOST_BYTES // (size_of(subject) * like.element_size()))
    for first in range(0, len(numbers), at_once):
        yield [start_vector(subject, n) for n in numbers[first : first + at_once]]
