"""Similarity matrices beside other libraries: ``python -m benchmarks.similarity``.

Makes an environment of its own for the peers of ``peers.txt``, then runs ours and theirs in turn on
the same tensors in one process, and prints the median ratio of the turns, the target, and the
largest difference of the values. ``--threads`` sets the threads, ``--only`` picks cases, and
``--device cuda`` measures our own product against the card's measured matrix rate.
"""

import argparse
import resource
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import own_environment
from benchmarks.tables import HEAD, Case, Values, run


def representations(models: int, samples: int, width: int, *, mean: float = 0.0) -> list[Tensor]:
    """Features that share a base, float32."""
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(samples, width, generator=rng)
    scales = 0.2 + torch.rand(width, generator=rng)
    return [(base * scales + torch.randn(samples, width, generator=rng) + mean) for _ in range(models)]


def pairs(count: int) -> list[tuple[int, int]]:
    """All pairs of different models."""
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def apart(ours: Any, theirs: Any) -> float:
    """Largest difference of two matrices outside the diagonal, where both have numbers."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    off = ~np.eye(len(a), dtype=bool) & np.isfinite(a) & np.isfinite(b)
    return float(np.abs(a - b)[off].max())


def bare_product(stack: Tensor) -> Tensor:
    """Gram matrices of centred features and their inner products: the least that CKA needs."""
    x = stack - stack.mean(1, keepdim=True)
    grams = torch.bmm(x, x.transpose(1, 2)).flatten(1)
    return grams @ grams.T


def large_matrix() -> Iterator[Case]:
    """50 checkpoints, 2,000 samples, 512 features."""
    import ckatorch
    from cka import cka_from_features

    from kinscape import matrices, measure

    xs = representations(50, 2000, 512)
    stack = torch.stack(xs)
    both = ["linear-cka", "linear-cka-biased"]
    ours = lambda: matrices(both, xs, intervals=False)["linear-cka"].values  # noqa: E731
    name = "linear CKA, both estimators, 50 × (2000, 512)"
    yield Case(
        name,
        "pytorch-cka, one batched call (one estimator)",
        ours,
        lambda: cka_from_features(stack, stack),
        at_least=3.5,
        compared=apart,
        turns=7,
    )
    some = pairs(50)[::120]
    yield Case(
        name,
        "ckatorch, pair by pair (one estimator)",
        ours,
        lambda: [ckatorch.cka_base(xs[i], xs[j], unbiased=True) for i, j in some],
        at_least=18,
        share=len(some) / 1225,
        turns=1,
    )
    yield Case(name, "bare Gram product", ours, lambda: bare_product(stack), at_least=1 / 1.25)
    yield Case(
        f"{name}, with intervals",
        "bare Gram product",
        lambda: matrices(both, xs),
        lambda: bare_product(stack),
        at_least=1 / 2.5,
    )
    few = [x.double() for x in representations(6, 2000, 512, mean=100.0)]
    exact = measure("linear-cka").matrix([x.float().double() for x in few], intervals=False).values
    yield Case(
        "linear CKA of float32 at mean/std = 100, 6 × (2000, 512)",
        "the same in float64",
        lambda: measure("linear-cka").matrix([x.float() for x in few], intervals=False).values,
        lambda: exact,
        compared=apart,
        turns=1,
    )


def ten_models() -> Iterator[Case]:
    """10 models, 1,000 samples, 512 features, 45 pairs."""
    import ckatorch
    import dcor
    import ot
    import repsim
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare
    from scipy.linalg import orthogonal_procrustes

    from kinscape import measure

    xs = representations(10, 1000, 512)
    arrays = [x.double().numpy() for x in xs]

    def of(slug: str, data: list[Tensor] = xs, **settings: Any) -> Values:
        return lambda: measure(slug).matrix(data, intervals=False, **settings).values

    def each(of_pair: Callable[[int, int], float], count: int = 10) -> Values:
        def grid() -> np.ndarray:
            out = np.full((count, count), np.nan)
            for i, j in pairs(count):
                out[i, j] = out[j, i] = float(of_pair(i, j))
            return out

        return grid

    size = "10 × (1000, 512)"
    yield Case(
        f"linear CKA, {size}",
        "ckatorch, pair by pair",
        of("linear-cka"),
        each(lambda i, j: ckatorch.cka_base(xs[i], xs[j], unbiased=True)),
        at_least=5,
        compared=apart,
    )
    yield Case(
        f"RBF CKA, biased, {size}",
        "repsim, one call",
        of("rbf-cka-biased"),
        lambda: repsim.cka(arrays, "rbf", "gretton"),
        at_least=8,
        compared=apart,
        turns=1,
    )

    def rsa() -> np.ndarray:
        rdms = calc_rdm([Dataset(a) for a in arrays], method="correlation")
        return np.asarray(compare(rdms, rdms, "spearman"))

    yield Case(f"RSA, {size}", "rsatoolbox, one call", of("rsa"), rsa, at_least=6, compared=apart)
    yield Case(
        f"kNN Jaccard, k = 10, {size}",
        "scikit-learn and sets, pair by pair",
        of("knn-jaccard"),
        each(lambda i, j: _neighbours(arrays[i], arrays[j], share=_jaccard)),
        at_least=20,
        compared=apart,
        turns=7,
    )
    yield Case(
        f"mutual kNN, k = 10, {size}",
        "torch top-k masks, pair by pair",
        of("mutual-knn"),
        each(lambda i, j: _mutual(xs[i], xs[j])),
        at_least=15,
        compared=apart,
        turns=7,
    )
    yield Case(
        f"Procrustes, {size}",
        "scipy, pair by pair",
        of("procrustes"),
        each(lambda i, j: 2 - 2 * orthogonal_procrustes(_unit(arrays[i]), _unit(arrays[j]))[1]),
        at_least=2.5,
        compared=apart,
    )
    units = [torch.from_numpy(_unit(a)) for a in arrays]
    yield Case(
        f"Procrustes, {size}",
        "torch nuclear norm of prepared features",
        of("procrustes"),
        each(lambda i, j: 2 - 2 * torch.linalg.matrix_norm(units[i].T @ units[j], "nuc")),
        at_least=1,
        compared=apart,
    )
    some = pairs(10)[::15]
    yield Case(
        f"distance correlation, {size}",
        "dcor, pair by pair",
        of("distance-correlation"),
        lambda: [dcor.u_distance_correlation_sqr(arrays[i], arrays[j]) for i, j in some],
        share=len(some) / 45,
        turns=1,
        compared=lambda a, b: max(abs(a[p] - v) for p, v in zip(some, b, strict=True)),
    )
    few = representations(3, 1000, 256)
    yield Case(
        "PWCCA, 3 × (1000, 256)",
        "repsim, one call (mean of both directions)",
        of("pwcca", few),
        lambda: repsim.pwcca([x.double().numpy() for x in few]),
        at_least=3,
        turns=1,
        compared=lambda a, b: apart((a + a.T) / 2, b),
    )
    small = representations(10, 1000, 64)
    yield Case(
        "soft matching, 10 × (1000, 64)",
        "POT, pair by pair",
        of("soft-matching", small),
        each(lambda i, j: _transport(ot, small[i], small[j])),
        compared=apart,
        turns=1,
    )


def _unit(array: np.ndarray) -> np.ndarray:
    centred = array - array.mean(0)
    return centred / np.linalg.norm(centred)


def _jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b)


def _neighbours(x: np.ndarray, y: np.ndarray, *, share: Callable[[set[int], set[int]], float]) -> float:
    from sklearn.neighbors import NearestNeighbors

    lists = [
        NearestNeighbors(n_neighbors=11, metric="cosine").fit(z).kneighbors(z, return_distance=False)[:, 1:]
        for z in (x, y)
    ]
    return float(np.mean([share(set(a), set(b)) for a, b in zip(*lists, strict=True)]))


def _mutual(x: Tensor, y: Tensor) -> float:
    masks = []
    for z in (x, y):
        unit = torch.nn.functional.normalize(z, dim=1)
        near = (unit @ unit.T).fill_diagonal_(-1e8).argsort(dim=1, descending=True)[:, :10]
        masks.append(torch.zeros(len(z), len(z)).scatter_(1, near, 1))
    return float((masks[0] * masks[1]).sum(1).mean() / 10)


def _transport(ot: Any, x: Tensor, y: Tensor) -> float:
    a, b = (z.double().numpy() - z.double().numpy().mean(0) for z in (x, y))
    a, b = a / np.linalg.norm(a, axis=0), b / np.linalg.norm(b, axis=0)
    weights = np.full(a.shape[1], 1 / a.shape[1]), np.full(b.shape[1], 1 / b.shape[1])
    return float(ot.emd2(*weights, ot.dist(a.T, b.T)) ** 0.5)


def layers() -> Iterator[Case]:
    """All layers of residual networks of 18 layers, 256 images, forward passes included."""
    from cka import compute_cka
    from torch.utils.data import DataLoader

    from kinscape import build, measure
    from kinscape.worker.engine.forward import forward

    torch.manual_seed(0)
    networks = [build("resnet-cifar", depth=20, width=64).eval() for _ in range(4)]
    images = torch.randn(256, 3, 32, 32)
    names = [n for n, m in networks[0].named_modules() if isinstance(m, torch.nn.Conv2d)][:18]

    def ours(count: int) -> Values:
        def grid() -> np.ndarray:
            seen: list[Tensor] = []
            for network in networks[:count]:
                _, features = forward(network, images, layers={n: n for n in names}, reduction="flatten")
                seen += features.values()
            return measure("linear-cka").matrix(seen, intervals=False).values

        return grid

    def theirs(count: int) -> Values:
        def run() -> list[Tensor]:
            return [
                compute_cka(
                    networks[i],
                    networks[j],
                    DataLoader(images, batch_size=256),
                    layers=names,
                    model2_layers=names,
                    progress=False,
                )[0]
                for i, j in pairs(count)
            ]

        return run

    def difference(a: np.ndarray, b: list[Tensor]) -> float:
        return max(
            float(np.abs(a[18 * i : 18 * i + 18, 18 * j : 18 * j + 18] - m.numpy()).max())
            for (i, j), m in zip(pairs(len(a) // 18), b, strict=True)
        )

    for count, least in ((2, 1.0), (4, 3.0)):
        yield Case(
            f"18 × 18 layers of {count} residual networks, 256 images",
            "pytorch-cka, pair by pair",
            ours(count),
            theirs(count),
            at_least=least,
            compared=difference,
            turns=1,
        )


def answers() -> Iterator[Case]:
    """All measures of answers of 100 models, 10,000 samples, 10 classes, against the dearest one."""
    from kinscape import matrices, measure, measures

    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (10_000,), generator=rng)
    base = torch.randn(10_000, 10, generator=rng, dtype=torch.float64)
    base[torch.arange(10_000), labels] += 2
    logits = [base + torch.randn(10_000, 10, generator=rng, dtype=torch.float64) for _ in range(100)]
    slugs = [s for s, c in measures().items() if c.family == "functional"]
    everything = lambda: matrices(slugs, logits, labels=labels, intervals=False)  # noqa: E731

    def alone(slug: str) -> Values:
        return lambda: measure(slug).matrix(logits, labels=labels, intervals=False)

    cost = {slug: min(timeit.repeat(alone(slug), number=1, repeat=2)) for slug in slugs}
    dearest = max(slugs, key=cost.__getitem__)
    yield Case(
        f"all {len(slugs)} measures of answers, 100 × (10000, 10)",
        f"ours, the dearest one alone ({dearest})",
        everything,
        alone(dearest),
        at_least=1 / 3,
        turns=5,
    )


def growth() -> Iterator[Case]:
    """500 checkpoints; peak memory is printed beside."""
    from kinscape import measure

    xs = representations(500, 1000, 256)

    def ours() -> np.ndarray:
        found = measure("linear-cka").matrix(xs, intervals=False).values
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"500 checkpoints, 124,750 pairs: peak memory of this process {used:.2f} GiB", flush=True)
        return found

    def by_blocks() -> None:
        for start in range(0, 500, 50):
            bare_product(torch.stack(xs[start : start + 50]))

    yield Case(
        "linear CKA, 500 × (1000, 256), 124,750 pairs",
        "bare Gram products of 50 each (12,250 pairs)",
        ours,
        by_blocks,
        turns=1,
    )


CASES = {"growth": growth, "large": large_matrix, "ten": ten_models, "layers": layers, "answers": answers}


def on_card() -> None:
    """Our CKA product on a GPU: time, and the share of the card's measured matrix rate."""
    from kinscape import measure

    xs = [x.cuda() for x in representations(50, 2000, 512)]
    call = lambda: measure("linear-cka").matrix(xs, intervals=False).values  # noqa: E731
    side = torch.randn(8192, 8192, device="cuda")
    rates, seconds = [], []
    for _ in range(4):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(5):
            side @ side
        torch.cuda.synchronize()
        rates.append(5 * 2 * 8192**3 / (time.perf_counter() - began))
        began = time.perf_counter()
        values = call()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    work = 50 * 2000**2 * 512 + 50**2 * 2000**2
    gap = apart(values, measure("linear-cka").matrix([x.cpu() for x in xs], intervals=False).values)
    share = work / min(seconds) / max(rates)
    print(
        f"{torch.cuda.get_device_name()}: {min(seconds):.4f} s, {share:.0%} of the measured "
        f"{max(rates) / 1e12:.1f} TFLOP/s, largest difference to the processor {gap:.1e}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    given = parser.parse_args()
    if not own_environment.is_inside():
        peers = Path(__file__).with_name("peers.txt")
        own_environment.enter("benchmarks.similarity", peers, sys.argv[1:], threads=given.threads)
    torch.set_num_threads(given.threads)
    if given.device == "cuda":
        on_card()
        return
    print(f"Threads: {given.threads}; torch {torch.__version__}\n", flush=True)
    print(HEAD, flush=True)
    for name in given.only:
        for case in CASES[name]():
            print(run(case, threads=given.threads), flush=True)


if __name__ == "__main__":
    main()
