"""Programs beside torch.export's own loader: ``python -m benchmarks.programs``.

Exports networks, reads each file as the server does when it comes (reader, dry run, network) and opens it as workers do
ever after, both beside ``torch.export.load``, and runs the program beside the module it came from.
"""

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kinscape import build
from kinscape.worker.door import child
from kinscape.worker.loading import dry_run
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.program import Program

IMAGES = (3, 32, 32)
ROUNDS = 7
BATCH = 64


def networks() -> dict[str, nn.Module]:
    """Networks of the registry, and a ResNet-18 where torchvision is installed."""
    found = {
        "resnet-cifar, 56 layers": build("resnet-cifar", depth=56),
        "vgg-cifar": build("vgg-cifar"),
        "vit-small": build("vit-small"),
    }
    try:
        import torchvision  # an optional peer
    except (ImportError, RuntimeError):
        return found
    return {**found, "torchvision ResNet-18": torchvision.models.resnet18(num_classes=10)}


def opened(path: Path, folder: Path) -> Program:
    """A program as the server opens it, without the start of its sandbox."""
    child.main(str(path), str(folder), kind="checkpoint", pickles=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    graph = Graph.read(folder / "graph.json")
    dry_run.output_shape(dry_run.on_meta(graph, manifest["tensors"]), graph)
    return Program(graph, load_file(folder / "tensors.safetensors"))


def reopened(folder: Path) -> Program:
    """The same program as a worker opens it, once it was read and written in the plain form."""
    return Program(Graph.read(folder / "graph.json"), load_file(folder / "tensors.safetensors"))


def seconds(run: Callable[[], object]) -> float:
    """Median over rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return median(times)


def line(name: str, module: nn.Module, folder: Path) -> str:
    """One row of the table."""
    module.eval()
    path = folder / "model.pt2"
    samples = torch.randn(2, *IMAGES)
    exported = torch.export.export(module, (samples,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.export.save(exported, path)
    ours, theirs = seconds(lambda: opened(path, folder)), seconds(lambda: torch.export.load(path))
    again = seconds(lambda: reopened(folder))
    program, x = opened(path, folder), torch.randn(BATCH, *IMAGES)

    def run(one: Callable[[Tensor], Tensor]) -> float:
        with torch.no_grad():
            return seconds(lambda: one(x))

    with torch.no_grad():
        equal = "equal" if torch.equal(program(x), module(x)) else "different"
    ran, plain = run(program), run(module)
    return (
        f"| {name} | {1000 * ours:.0f} | {1000 * again:.0f} | {1000 * theirs:.0f} | {theirs / ours:.1f} | "
        f"{theirs / again:.1f} | {1000 * ran:.1f} | {1000 * plain:.1f} | {ran / plain:.2f} | {equal} |"
    )


def main() -> None:
    """Print a table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| network | read once, ms | opened, ms | torch.export.load, ms | ratio of reading | of opening | ", end="")
    print("run, ms | module, ms | ratio | outputs |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, module in networks().items():
        with tempfile.TemporaryDirectory() as folder:
            print(line(name, module, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
