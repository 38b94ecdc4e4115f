"""Seeds of random draws, far from those that people train with.

A network is often trained from ``torch.manual_seed(0)``. A draw from the same seed would be its own first weights, its
own order of the data or its own split, and no draw at all. So every seed here is a hash of what is drawn.
"""

import hashlib

import torch

# Seeds have 62 bits, of which the highest is set: no seed is a small number.
BITS = 62


def seed_of(about: str, *numbers: int) -> int:
    """A seed for one kind of draw; the same for the same arguments on every machine.

    Args:
        about: what is drawn.
        numbers: the seed of the question, and the number of the draw.
    """
    words = ":".join([about, *map(str, numbers)]).encode()
    drawn = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest())
    return 1 << (BITS - 1) | drawn % (1 << (BITS - 1))


def generator_of(about: str, *numbers: int) -> torch.Generator:
    """A generator on the CPU with such a seed."""
    return torch.Generator().manual_seed(seed_of(about, *numbers))
