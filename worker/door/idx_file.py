"""Arrays out of IDX files, as MNIST and its relatives are published.

Source: the description of the format on the page of MNIST.
"""

import numpy as np
import numpy.typing as npt

from kinscape.worker.door.refusal import Refusal

# The third byte of a file: what its values are, big-endian.
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 8
HEAD = 4


def looks_like(start: bytes) -> bool:
    """Whether a file begins as these do: two zeros, a known type, a number of sides."""
    return len(start) >= HEAD and start[:2] == b"\0\0" and start[2] in TYPES and 0 < start[3] <= MOST_AXES


def read(data: bytes) -> "npt.NDArray[np.generic]":
    """The array of a file.

    Raises:
        Refusal: it is longer or shorter than it says.
    """
    axes = data[3]
    begin = HEAD + 4 * axes
    sides = [int.from_bytes(data[HEAD + 4 * k : HEAD + 4 * k + 4], "big") for k in range(axes)]
    kind = np.dtype(TYPES[data[2]])
    values = 1
    for side in sides:
        values *= side
    if not values or len(data) != begin + values * kind.itemsize:
        raise Refusal("The IDX file is empty, damaged or cut off; upload it again.")
    return np.frombuffer(data, kind, offset=begin).reshape(sides).astype(kind.newbyteorder("="))
