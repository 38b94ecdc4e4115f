"""Axes of tensors, and the units that lie along them.

An axis is a row of *factors*, outermost first: 512 features that were flattened from 32 channels of 4 x 4 positions are
the factors 32, 4 and 4. Two axes that must stay in the same order share their factors; a factor that is *fixed* keeps
its order, every other one may be permuted in all tensors at once without a change of the function. Factors are cut
where a network cuts an axis (heads of attention, groups of a convolution), so that only such permutations are left as
every reader of the axis allows.
"""

from dataclasses import dataclass
from math import prod

# Factors of one axis by their number; of size 1 there is none.
Axis = tuple[int, ...]


@dataclass
class _Factor:
    size: int
    fixed: bool = False
    same_as: int | None = None
    parts: tuple[int, ...] = ()


class Axes:
    """The factors of all axes of a network, joined and cut as its operators demand."""

    def __init__(self) -> None:
        self._factors: list[_Factor] = []

    def fresh(self, size: int, *, fixed: bool = False) -> Axis:
        """An axis that nothing else shares yet."""
        if size == 1:
            return ()
        self._factors.append(_Factor(size, fixed))
        return (len(self._factors) - 1,)

    def size(self, axis: Axis) -> int:
        """Number of units along an axis."""
        return prod(self._factors[k].size for k in axis)

    def factors(self, axis: Axis) -> Axis:
        """An axis by the factors that it has by now."""
        out: list[int] = []
        for k in axis:
            root = self._root(k)
            parts = self._factors[root].parts
            out.extend(self.factors(parts) if parts else (root,))
        return tuple(out)

    def is_fixed(self, factor: int) -> bool:
        """Whether the units of a factor keep their order."""
        return self._factors[self._root(factor)].fixed

    def fix(self, axis: Axis) -> None:
        """Let all units along an axis keep their order."""
        for k in self.factors(axis):
            self._factors[k].fixed = True

    def join(self, first: Axis, second: Axis) -> None:
        """Let two axes be permuted alike; what cannot be told apart into common factors keeps its order."""
        while True:
            a, b = self.factors(first), self.factors(second)
            at = next((k for k, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), None)
            if at is None:
                if len(a) != len(b):
                    self.fix(a + b)
                return
            p, q = a[at], b[at]
            small, large = sorted((self._factors[p].size, self._factors[q].size))
            if small == large:
                self._factors[q].same_as = p
                self._factors[p].fixed |= self._factors[q].fixed
            elif large % small == 0:
                self._cut(p if self._factors[p].size == large else q, small)
            else:
                self.fix(a[at:] + b[at:])
                return

    def divided(self, axis: Axis, sizes: tuple[int, ...]) -> list[Axis] | None:
        """An axis, or several in a row, as axes of other sizes; None where units would be torn apart.

        Args:
            sizes: their product is the size of the axis.
        """
        out = []
        rest = list(self.factors(axis))
        for size in sizes:
            taken, missing = [], size
            while missing > 1:
                if not rest:
                    return None
                first = rest.pop(0)
                units = self._factors[first].size
                if units > missing and units % missing == 0:
                    first, inner = self._cut(first, missing)
                    rest.insert(0, inner)
                elif missing % units:
                    return None
                taken.append(first)
                missing //= self._factors[first].size
            out.append(tuple(taken))
        return out

    def _cut(self, factor: int, outer: int) -> tuple[int, int]:
        whole = self._factors[factor]
        parts = self.fresh(outer, fixed=whole.fixed) + self.fresh(whole.size // outer, fixed=whole.fixed)
        whole.parts = parts
        return parts[0], parts[1]

    def _root(self, factor: int) -> int:
        same = self._factors[factor].same_as
        return factor if same is None else self._root(same)
