"""Curvature, surfaces and spectra of weights beside other libraries: ``python -m benchmarks.landscape``.

Makes an environment of its own for the peers of ``landscape-peers.txt``, then runs ours and theirs in
turn on the same networks in one process. Values stand beside the times, since several peers
answer another question than they were asked. ``--only`` picks cases, ``--threads`` sets the threads.
"""

import argparse
import contextlib
import io
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import own_environment
from benchmarks.tables import HEAD, Case, Values, run

LOSS = nn.CrossEntropyLoss()
FEW = 8


@dataclass(frozen=True)
class Network:
    """A trained network with its samples."""

    name: str
    module: nn.Module
    x: Tensor
    y: Tensor

    @property
    def given(self) -> tuple[nn.Module, Tensor, Tensor]:
        """As a measure takes it."""
        return self.module, self.x, self.y


def trained(name: str, module: nn.Module, x: Tensor, *, steps: int = 15) -> Network:
    """A network after a few steps, so that its curvature is not that of noise alone."""
    rng = torch.Generator().manual_seed(1)
    y = torch.randint(0, 10, (len(x),), generator=rng)
    module.train()
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        LOSS(module(x), y).backward()
        optimiser.step()
    optimiser.zero_grad()
    return Network(name, module.eval(), x, y)


@cache
def networks() -> tuple[Network, ...]:
    """A perceptron, a small convolutional network and a small residual network."""
    from kinscape import build

    torch.manual_seed(0)
    perceptron = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    return (
        trained("MLP, 84k weights, 512 samples", perceptron, torch.randn(512, 784)),
        trained("CNN, 24k weights, 256 images", build("cnn", classes=10), torch.randn(256, 1, 16, 16)),
        trained("ResNet-8, 75k weights, 128 images", build("resnet-cifar", depth=8), torch.randn(128, 3, 16, 16)),
    )


def ours(slug: str, network: Network, **settings: Any) -> Values:
    """Our measure without interval, as others give none."""
    from kinscape import measure

    return lambda: measure(slug)(*network.given, intervals=False, **settings)


def quiet(call: Callable[[], Any]) -> Any:
    """A call whose own printing is not ours to show."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call()


def traces() -> Iterator[Case]:
    """Hessian traces: ours is exact for these networks, theirs are means of 100 random probes."""
    import hessian_eigenthings as he
    from pyhessian import hessian

    for network, least in zip(networks(), (25.0, 5.0, 5.0), strict=True):
        module, x, y = network.given

        def pyhessian(module: nn.Module = module, x: Tensor = x, y: Tensor = y) -> float:
            torch.manual_seed(0)
            found = hessian(module, LOSS, data=(x, y), cuda=False).trace(maxIter=100, tol=-math.inf)
            module.zero_grad()
            return float(np.mean(found))

        def eigenthings(module: nn.Module = module, x: Tensor = x, y: Tensor = y) -> float:
            operator = he.HessianOperator(module, [(x, y)], he.supervised_loss(LOSS))
            return float(he.trace(operator, num_matvecs=100, method="hutchinson", seed=0).estimate)

        for name, theirs in (("PyHessian", pyhessian), ("hessian-eigenthings", eigenthings)):
            yield Case(
                f"trace, {network.name}",
                f"{name}, 100 probes",
                ours("hessian-trace", network),
                theirs,
                at_least=least,
                told=lambda a, b: f"{a.value:.2f} exact, {b:.2f}",
            )


def product(network: Network) -> Callable[[Tensor], Tensor]:
    """Exact Hessian products in float64."""
    from kinscape.worker.curvature.hessian_products import hessian_product
    from kinscape.worker.inputs.subject import Subject

    return hessian_product(Subject(*network.given).in_float64())


@cache
def reference(number: int, count: int = 5) -> tuple[float, ...]:
    """The largest eigenvalues to ten digits, largest first."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    network = networks()[number]
    size = sum(p.numel() for p in network.module.parameters())
    multiply = product(network)
    operator = LinearOperator(
        (size, size), matvec=lambda v: multiply(torch.from_numpy(v).flatten()).numpy(), dtype=np.float64
    )
    return tuple(sorted(eigsh(operator, k=count, which="LA", tol=1e-10, return_eigenvectors=False), reverse=True))


def worst(values: Any, number: int) -> float:
    """Largest relative error of five eigenvalues."""
    right = np.array(reference(number))
    return float((np.abs(np.sort(np.asarray(values, dtype=float))[::-1][:5] - right) / right).max())


def errors(number: int, a: Any, b: Any) -> str:
    """Relative errors of both."""
    return f"errors {worst(a.series['eigenvalue'], number):.0e}, {worst(b, number):.0e}"


def first_of_both(a: Any, b: Any) -> str:
    """Trace and eigenvalue of the first network, ours and theirs."""
    return f"first: {a[0][0]:.2f}, {a[0][1]:.3f}; {b[0][0]:.2f}, {b[0][1]:.3f}"


def middles(own: float, a: Any, b: Any) -> str:
    """The loss in the middle of both surfaces beside that of the network."""
    return f"loss of the network {own:.4f}; middle {a.series['loss'][312]:.4f}, {b[12, 12]:.4f}"


def eigenvalues() -> Iterator[Case]:
    """Five largest eigenvalues to a relative residual of 1e-3."""
    import hessian_eigenthings as he
    from curvlinops import HessianLinearOperator
    from scipy.sparse.linalg import eigsh

    for number, network in enumerate(networks()):
        module, x, y = network.given

        def operator(module: nn.Module = module, x: Tensor = x, y: Tensor = y) -> Any:
            return he.HessianOperator(module, [(x, y)], he.supervised_loss(LOSS))

        def lanczos(operator: Values = operator, steps: int = 20) -> Any:
            return quiet(
                lambda: he.lanczos(operator(), k=5, max_iter=steps, tol=1e-3, which="LA", seed=0, reorthogonalize=True)
            )

        # It takes a number of steps, not an accuracy: 20, or five more where that leaves a residual above 1e-3.
        steps = next(n for n in range(20, 200, 5) if bool(lanczos(steps=n).converged.all()))

        def enough(lanczos: Any = lanczos, steps: int = steps) -> Any:
            return lanczos(steps=steps).eigenvalues.tolist()

        def power(operator: Values = operator) -> Any:
            return quiet(lambda: he.deflated_power_iteration(operator(), k=5, tol=1e-3, seed=0)).eigenvalues.tolist()

        def linops(module: nn.Module = module, x: Tensor = x, y: Tensor = y) -> Any:
            a = HessianLinearOperator(module, LOSS, list(module.parameters()), [(x, y)], check_deterministic=False)
            return eigsh(a.to_scipy(), k=5, which="LA", tol=1e-3, return_eigenvectors=False).tolist()

        mine = ours("hessian-top-eigenvalue", network, k=5, tolerance=1e-3)
        for name, theirs, least, turns in (
            (f"hessian-eigenthings, Lanczos of {steps} steps", enough, 1.8, 3),
            ("curvlinops and scipy", linops, 1.8, 3),
            ("hessian-eigenthings, deflated power iteration", power, 2.5, 1),
        ):
            yield Case(
                f"five eigenvalues, {network.name}",
                name,
                mine,
                theirs,
                at_least=least,
                turns=turns,
                told=partial(errors, number),
            )


def flatness() -> Iterator[Case]:
    """Relative flatness of the last layer against a loop over pairs of classes."""
    for network in networks()[:1]:
        module, x, y = network.given

        def loop(module: nn.Module = module, x: Tensor = x, y: Tensor = y) -> float:
            last = [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
            total = 0.0
            for row, label in zip(x[:FEW], y[:FEW], strict=True):
                loss = LOSS(module(row[None]), label[None])
                grad = torch.autograd.grad(loss, last.weight, create_graph=True)[0]
                for s in range(10):
                    rows = [torch.autograd.grad(g, last.weight, retain_graph=True)[0] for g in grad[s]]
                    for t in range(10):
                        trace = sum(float(r[t, j]) for j, r in enumerate(rows))
                        total += float(last.weight[s] @ last.weight[t]) * trace
            return total / FEW

        exact = ours("relative-flatness", Network("", module, x[:FEW], y[:FEW]))
        yield Case(
            f"relative flatness, {network.name}",
            "double backward, weight by weight",
            ours("relative-flatness", network),
            loop,
            at_least=1000,
            share=FEW / len(x),
            turns=1,
            told=lambda _a, b, e=exact: f"{e().value:.4f}, {b:.4f} on {FEW} samples",
        )


def small() -> Iterator[Case]:
    """32 checkpoints of 1.5k weights: trace and largest eigenvalue of each."""
    from pyhessian import hessian

    from kinscape import measure

    torch.manual_seed(0)
    x = torch.randn(256, 20)
    many = [trained("", nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 16)), x, steps=5) for _ in range(32)]

    def mine() -> list[tuple[float, float]]:
        return [
            (
                measure("hessian-trace")(*n.given, intervals=False).value,
                measure("hessian-top-eigenvalue")(*n.given, intervals=False).value,
            )
            for n in many
        ]

    def theirs() -> list[tuple[float, float]]:
        out = []
        for n in many:
            found = hessian(n.module, LOSS, data=(n.x, n.y), cuda=False)
            trace = float(np.mean(found.trace(maxIter=100, tol=-math.inf)))
            out.append((trace, found.eigenvalues(maxIter=1000, tol=1e-4, top_n=1)[0][0]))
            n.module.zero_grad()
        return out

    yield Case(
        "32 checkpoints of 1,496 weights: trace and top eigenvalue",
        "PyHessian, one by one",
        mine,
        theirs,
        at_least=3,
        told=first_of_both,
    )


def surfaces() -> Iterator[Case]:
    """25 × 25 points around a network."""
    import loss_landscapes as ll
    from loss_landscapes.metrics import Loss

    network = networks()[0]
    module, x, y = network.given
    own = float(LOSS(module(x), y).detach())
    yield Case(
        f"surface of 25 × 25, {network.name}",
        "loss-landscapes",
        ours("loss-surface-2d", network, points=25),
        lambda: ll.random_plane(
            module, Loss(LOSS, x, y), distance=1, steps=25, normalization="filter", deepcopy_model=True
        ),
        at_least=1,
        turns=2,
        told=partial(middles, own),
    )


def weights() -> Iterator[Case]:
    """Spectral metrics of small networks and of one of 10 million weights."""
    import weightwatcher

    from kinscape import build
    from kinscape.worker.evaluation.models import evaluate_model
    from kinscape.worker.measures.catalogue import catalogue
    from kinscape.worker.numerics.memo import Memo

    torch.manual_seed(0)
    perceptron = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 30))
    slugs = (
        "alpha",
        "alpha-weighted",
        "log-alpha-norm",
        "log-norm",
        "log-spectral-norm",
        "stable-rank",
        "spectral-entropy",
    )
    deep = build("resnet-cifar", depth=20, width=100)
    named: list[tuple[str, nn.Module, float | None]] = [(n.name, n.module, 4.0) for n in networks()]
    for name, module, least in (*named, ("MLP", perceptron, None), ("ResNet-20 of width 100", deep, 1.3)):
        state = dict(module.state_dict())

        def mine(state: dict[str, Tensor] = state) -> dict[str, float]:
            memo = Memo()
            cells = {s: evaluate_model(catalogue()[s], state, {}, memo=memo) for s in slugs}
            return dict(zip(cells["alpha"].series["layer"], cells["alpha"].series["value"], strict=True))

        def theirs(module: nn.Module = module) -> dict[str, float]:
            details = quiet(lambda: weightwatcher.WeightWatcher(model=module).analyze())
            return {str(n): float(v) for n, v in zip(details["longname"], details["alpha"], strict=True)}

        def gap(a: dict[str, float], b: dict[str, float]) -> float:
            return max(abs(a[n] - b[n]) for n in b if a.get(n) is not None)

        size = sum(p.numel() for p in module.parameters())
        yield Case(
            f"seven spectral metrics, {name.split(',')[0]}, {size:,} weights",
            "weightwatcher",
            mine,
            theirs,
            at_least=least,
            compared=gap,
            turns=9,
        )


CASES = {
    "traces": traces,
    "eigenvalues": eigenvalues,
    "flatness": flatness,
    "small": small,
    "surfaces": surfaces,
    "weights": weights,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    given = parser.parse_args()
    if not own_environment.is_inside():
        peers = Path(__file__).with_name("landscape-peers.txt")
        own_environment.enter("benchmarks.landscape", peers, sys.argv[1:], threads=given.threads)
    print(f"Threads: {given.threads}; torch {torch.__version__}\n\n{HEAD}", flush=True)
    for name in given.only:
        for case in CASES[name]():
            print(run(case, threads=given.threads), flush=True)


if __name__ == "__main__":
    main()
