"""Everything on a GPU against the processor, in one command: ``python -m benchmarks.gpu``.

Prints a table and ends with 1 if a line is wrong. ``--device cpu --small`` runs the same lines where there is no GPU.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.scale import server
from kinscape import build, measure, measures
from kinscape.backend.contracts.cards import Arity, Card, Input, Role
from kinscape.backend.contracts.problems import Unprocessable

# Beyond a card's own tolerance, what sums in another order differ by.
ROUNDING = 2e-5
SAMPLES, CLASSES, WIDTH = 80, 4, 9
MEASURED = 3
# Samples of one pass above which memory is said to run out.
MOST_AT_ONCE = 24


@dataclass(frozen=True)
class Line:
    """One line of the table; ``is_right`` is None for what is only measured."""

    what: str
    value: str
    is_right: bool | None = None


@dataclass(frozen=True)
class Sizes:
    """How large the workloads are, and every how many-th measure is compared."""

    models: int
    samples: int
    width: int
    depth: int
    images: int
    served: int
    every: int


LARGE = Sizes(models=200, samples=5000, width=1024, depth=56, images=512, served=12, every=1)
SMALL = Sizes(models=6, samples=200, width=64, depth=8, images=8, served=3, every=7)


def drawn(seed: int, *shape: int) -> Tensor:
    """Normal numbers that are the same on every device."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def timed(device: torch.device, work: Callable[[], Any]) -> float:
    """Seconds of the fastest of some runs, until the device is done."""
    best = float("inf")
    for _ in range(MEASURED):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - began)
    return best


def number(card: Card, device: torch.device, *, wrap: Callable[[nn.Module], nn.Module] | None = None) -> float | str:
    """The number of a measure for drawn inputs on a device, or the sentence where there is none."""
    count = 2 if card.arity is Arity.PAIR else 1
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=torch.Generator().manual_seed(3)).to(device)
    call = measure(card.slug)
    try:
        if card.input is Input.WEIGHTS:
            states = [{n: p.to(device) for n, p in image_network(k).state_dict().items()} for k in range(count)]
            return call(*states).value
        if card.input is Input.NETWORK:
            x = drawn(7, SAMPLES, 1, 8, 8).to(device)
            networks = [image_network(k).to(device) for k in range(count)]
            references = [image_network(9 + k).to(device) for k in range(card.references[0])]
            if wrap is not None:
                networks, references = [wrap(n) for n in networks], [wrap(n) for n in references]
            return call(*networks, x, labels, references=references, intervals=False).value
        if card.input is Input.OUTPUTS:
            given = [(drawn(k, SAMPLES, CLASSES) * 2).to(device) for k in range(count)]
            if card.role is Role.BOTH:
                return call(given[0], labels, drawn(5, SAMPLES, CLASSES).to(device), labels).value
            references = [drawn(9 + k, SAMPLES, CLASSES).to(device) for k in range(card.references[0])]
            return call(*given, labels=labels, references=references).value
        layers = [(drawn(50, SAMPLES, WIDTH) + drawn(k, SAMPLES, WIDTH) + 1).to(device) for k in range(count)]
        if count == 2:
            return call(*layers).value
        beside = {"inputs": (4,), "logits": (CLASSES,), "head": (WIDTH,)}
        rows = {"head": CLASSES}
        parts = {n: drawn(60, rows.get(n, SAMPLES), *shape).to(device) for n, shape in beside.items()}
        return call(layers[0], labels=labels, **parts).value
    except Unprocessable as sentence:
        return str(sentence)


def image_network(seed: int) -> nn.Module:
    """A small network of images."""
    torch.manual_seed(seed)
    return build("lenet", classes=CLASSES).eval()


def equal_numbers(device: torch.device, sizes: Sizes) -> Iterator[Line]:
    """Every measure on the device is that of the processor, within its card's tolerance."""
    wrong, asked = [], list(measures().items())[:: sizes.every]
    for slug, card in asked:
        here, there = (number(card, d) for d in (torch.device("cpu"), device))
        if not _alike(here, there, max(card.tolerance, ROUNDING)):
            wrong.append(slug)
            yield Line(slug, f"processor: {here}; device: {there}", is_right=False)
    told = f"{len(asked) - len(wrong)} of {len(asked)} as on the processor"
    yield Line("every measure", told, is_right=not wrong)


def whole_digits(device: torch.device, _sizes: Sizes) -> Iterator[Line]:
    """No product is made with fewer digits than its factors have, unless somebody asks."""
    x = drawn(0, 512, 512)
    exact = x.double() @ x.double()
    error = float(((x.to(device) @ x.to(device)).cpu().double() - exact).abs().amax() / exact.abs().amax())
    yield Line("relative error of a float32 product", f"{error:.1e}", is_right=error < 1e-5)
    if device.type == "cuda":
        is_off = not torch.backends.cuda.matmul.allow_tf32
        yield Line("TF32 of products", "off" if is_off else "on", is_right=is_off)


def linear_cka(device: torch.device, sizes: Sizes) -> Iterator[Line]:
    """All pairs of many layers, as a share of the rate at which the device multiplies."""
    a = drawn(0, sizes.samples, sizes.width).to(device)
    multiplied = timed(device, lambda: a.T @ a)
    layers = [drawn(k, sizes.samples, sizes.width).to(device) for k in range(sizes.models)]
    took = timed(device, lambda: measure("linear-cka").matrix(layers, intervals=False))
    pairs = sizes.models * (sizes.models + 1) / 2
    shape = f"{sizes.models} × ({sizes.samples}, {sizes.width})"
    yield Line(f"linear CKA, {shape}", f"{took:.3f} s, {multiplied * pairs / took:.2f} of bare products by pair")
    try:
        from torch_cka import CKA  # noqa: F401
    except ImportError:
        yield Line("beside pytorch-cka", "not installed")


def curvature(device: torch.device, sizes: Sizes) -> Iterator[Line]:
    """Trace and largest eigenvalue of a residual network on images."""
    torch.manual_seed(0)
    network = build("resnet-cifar", classes=10, depth=sizes.depth).eval()
    x, y = drawn(1, sizes.images, 3, 32, 32), torch.randint(0, 10, (sizes.images,))
    for slug in ("hessian-trace", "hessian-top-eigenvalue"):
        began = time.perf_counter()
        here = measure(slug)(network.to(device), x.to(device), y.to(device), intervals=False)
        name = f"{slug}, resnet-cifar of {sizes.depth} layers, {sizes.images} images"
        yield Line(name, f"{here.value:.6g} in {time.perf_counter() - began:.1f} s")
    few = slice(0, min(8, sizes.images))
    values = [measure("train-loss")(network.to(d), x[few].to(d), y[few].to(d)).value for d in ("cpu", device)]
    yield Line("its loss on both", f"{values[0]:.7g}, {values[1]:.7g}", is_right=abs(values[0] - values[1]) < 1e-4)


def layers_of_two(device: torch.device, sizes: Sizes) -> Iterator[Line]:
    """Linear CKA of every layer of a residual network with every layer of another."""
    features: list[Tensor] = []
    x = drawn(1, sizes.images, 3, 32, 32).to(device)
    for seed in range(2):
        torch.manual_seed(seed)
        network = build("resnet-cifar", classes=10, depth=20).to(device).eval()
        handles = [
            m.register_forward_hook(lambda _m, _i, out: features.append(out.mean((2, 3))))
            for m in network.modules()
            if isinstance(m, nn.Conv2d)
        ]
        with torch.no_grad():
            network(x)
        for handle in handles:
            handle.remove()
    took = timed(device, lambda: measure("linear-cka").matrix(features))
    yield Line(f"linear CKA with intervals of {len(features)} layers of two networks", f"{took:.3f} s")


class FullAbove(nn.Module):
    """A network for which memory runs out above some samples in one pass, as the allocator says it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logits of few samples."""
        if len(x) > MOST_AT_ONCE:
            raise torch.OutOfMemoryError("out of memory: this pass is too large")
        out: Tensor = self.network(x)
        return out


def out_of_memory(device: torch.device, _sizes: Sizes) -> Iterator[Line]:
    """Passes become smaller where memory runs out, and numbers stay."""
    right, asked = 0, [card for card in measures().values() if card.input is Input.NETWORK]
    for card in asked:
        whole, parts = (number(card, device, wrap=wrap) for wrap in (None, FullAbove))
        if _alike(whole, parts, 1e-3):
            right += 1
        else:
            yield Line(f"{card.slug} when memory runs out", f"{whole}, {parts}", is_right=False)
    yield Line("when memory runs out", f"{right} of {len(asked)} as before", is_right=right == len(asked))


def _alike(one: float | str, two: float | str, tolerance: float) -> bool:
    if isinstance(one, str) or isinstance(two, str):
        return one == two
    return abs(one - two) <= tolerance * max(1.0, abs(one))


def through_the_server(device: torch.device, sizes: Sizes) -> Iterator[Line]:
    """One comparison through API, queue and a worker that uses the device."""
    os.environ["KINSCAPE_DEVICE"] = str(device)
    asked = ["disagreement", "linear-cka", "weight-cosine", "train-loss", "hessian-trace"]
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), 8098) as client:
        project = client.create_project("gpu")
        made = []
        for k in range(sizes.served):
            save_file(image_network(k).state_dict(), Path(folder) / f"{k}.safetensors")
            path, arguments = Path(folder) / f"{k}.safetensors", {"classes": CLASSES}
            made.append(project.upload_checkpoint(path, architecture="lenet", arguments=arguments))
        x, y = drawn(7, SAMPLES, 1, 8, 8), torch.randint(0, CLASSES, (SAMPLES,))
        save_file({"x": x, "y": y}, Path(folder) / "probe.safetensors")
        probe = project.upload_probe(Path(folder) / "probe.safetensors")
        began = time.perf_counter()
        comparison = project.compare(checkpoints=made, probe=probe, train_probe=probe, measures=asked)
        comparison.wait(timeout_s=240, show=False)
        took = time.perf_counter() - began
        served = comparison.table(["train-loss"]).values[:, 0]
        bare = [measure("train-loss")(image_network(k), x, y).value for k in range(sizes.served)]
        agree = sorted(served) == sorted_like(bare, served)
        told = f"{comparison.status}, {took:.1f} s"
        yield Line(f"a comparison of {sizes.served} networks on {device}", told, is_right=agree)


def sorted_like(values: Sequence[float], others: Any) -> list[float]:
    """Values in their order, each replaced by the other one where both are equal to five digits."""
    pairs = zip(sorted(values), sorted(others), strict=True)
    return [float(b) if abs(a - b) <= 1e-5 * max(1.0, abs(a)) else a for a, b in pairs]


PARTS = (whole_digits, equal_numbers, out_of_memory, linear_cka, curvature, layers_of_two, through_the_server)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all parts; 1 if a line is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="sizes for a processor")
    chosen = parser.parse_args(argv)
    device, sizes = torch.device(chosen.device), SMALL if chosen.small else LARGE
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(f"On {card}, torch {torch.__version__}\n\n| what | measured | |\n|---|---|---|")
    wrong = 0
    for part in PARTS:
        began = time.perf_counter()
        for line in part(device, sizes):
            wrong += line.is_right is False
            verdict = {None: "", True: "right", False: "WRONG"}[line.is_right]
            print(f"| {line.what} | {line.value} | {verdict} |", flush=True)
        print(f"| ({part.__name__}) | {time.perf_counter() - began:.1f} s | |", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
