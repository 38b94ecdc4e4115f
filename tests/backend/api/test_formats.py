"""What comes in, as what: every kind of file through the server, and the page of the docs that lists them.

``KINSCAPE_WRITE=1 pytest tests/backend/api/test_formats.py`` writes the page; a page that is out of date fails.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinscape import build, record
from kinscape.client import ClientError, Project
from tests import own_networks
from tests.backend.api import kinds_people_have as people
from tests.worker.door import other_frameworks as others
from tests.worker.door import test_containers as containers

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
BATCH = ({0: torch.export.Dim.AUTO},)
X = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
# Most give the same bits; torch fuses some operators of a transformer that runs as a module.
MOST_DIFFERENCE = 1e-6
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning", "ignore:The tensor attributes"
)
HEAD = """# What comes in, as what

This page is written by a test that sends one file of every kind through a server (`tests/backend/api/test_formats.py`).
*Outputs* are equal where those that the server computes differ from the model's own by less than 1e-6 on eight samples.

| kind | file | level | outputs |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Kind:
    """One kind of checkpoint as people have it.

    Attributes:
        model: whose outputs the server's are held against; None where it computes none.
        make: writes the file.
    """

    name: str
    file: str
    level: str
    make: Callable[[Path], Path]
    model: nn.Module | None = None
    description: dict[str, Any] | None = None


class UNet(nn.Module):
    """A map for a map."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 3, 2, 1), nn.ConvTranspose2d(4, 3, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.up(self.down(x).relu())
        return out


class Recurrent(nn.Module):
    """Rows of an image one after the other."""

    def __init__(self, cell: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.cell, self.head = cell(8, 12, batch_first=True), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.cell(x[:, 0])[0][:, -1])
        return out


class Transformer(nn.Module):
    """Patches, attention, a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 2, 2)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.block(self.patches(x).flatten(2).mT).mean(1))
        return out


class Several(nn.Module):
    """Features beside logits, as hubs return them."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(64, 12), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.body(x.flatten(1)).relu()
        return {"hidden": hidden, "logits": self.head(hidden)}


def state(module: nn.Module) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        torch.save(module.state_dict(), path)
        return path

    return make


def program(module: nn.Module, x: Tensor = X) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        torch.export.save(torch.export.export(module.eval(), (x[:2],), dynamic_shapes=BATCH), path)
        return path

    return make


def recorded(model: Any) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        record(model, X, path=path)
        return path

    return make


def known(name: str, architecture: str, **arguments: Any) -> Kind:
    torch.manual_seed(1)
    module = build(architecture, **arguments).eval()
    about = {"architecture": architecture, "arguments": arguments}
    return Kind(name, ".pth", "network", state(module), module, about)


def kinds() -> list[Kind]:
    torch.manual_seed(0)
    sequential = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.GELU(), nn.Linear(20, 10))
    normed = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.Flatten(), nn.Linear(144, 10))
    small = {"channels": 1, "width": 8, "blocks": "1-1", "stem": "cifar"}
    images = [
        ("perceptron", sequential),
        ("convolutional network with GroupNorm", normed),
        ("LSTM", Recurrent(nn.LSTM)),
        ("GRU", Recurrent(nn.GRU)),
        ("vision transformer", Transformer()),
        ("model that returns a dictionary", Several()),
        ("one logit", nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        ("DataParallel, unwrapped", nn.DataParallel(sequential).module),
    ]
    text = nn.Sequential(nn.Embedding(30, 12), nn.Linear(12, 30))
    tokens = torch.randint(0, 30, (4, 6))
    own = own_networks.two_layers(16, 10, "tanh")
    chosen = {"architecture": "two-layers", "arguments": {"width": 16, "activation": "tanh"}}
    return [
        *[
            Kind(f"weights: {name}", ".npz" if name == "npz" else "", "weights", make)
            for name, make in containers.KINDS.items()
        ],
        *[
            Kind(f"weights: {name}", "", "weights", make, description=people.CHOSEN.get(name))
            for name, make in people.weights().items()
        ],
        Kind("weights: quantised layers of torch", "", "weights", lambda p: others.quantised(p, torch.ones(3, 5))),
        *[Kind(f"program: {name}", ".pt2", "program", program(m), m) for name, m in images],
        *[Kind(f"program: {name}", ".pt2", "program", program(m), m) for name, m in people.programs()],
        Kind("program: generator of images", ".pt2", "program", program(people.generator(), torch.randn(4, 16))),
        Kind("program: regressor", ".pt2", "program", program(people.regressor()), people.regressor()),
        Kind("program: network that answers with a map", ".pt2", "program", program(UNet())),
        Kind("program: language model", ".pt2", "program", program(text, tokens)),
        Kind("recording of a module of torch", ".safetensors", "recorded", recorded(sequential), sequential),
        Kind("recording of a callable", ".safetensors", "recorded", recorded(lambda x: np.ones((len(x), 10)))),
        Kind("own class, named", ".pth", "network", state(own), own, chosen),
        known("perceptron of the registry", "mlp", width=16),
        known("LeNet of the registry", "lenet"),
        known("CNN of the registry", "cnn"),
        known("VGG-11 of the registry", "vgg-cifar", channels=1, width=8),
        known("ViT of the registry", "vit-small", channels=1, side=8, patch=2, width=16, depth=1, heads=2),
        known("CIFAR ResNet of the registry", "resnet-cifar", channels=1, depth=8),
        known("torchvision ResNet", "resnet", **small),
        known("torchvision ResNet with bottlenecks", "resnet", **small, block="bottleneck"),
        known("torchvision ResNeXt", "resnet", **small, block="bottleneck", groups=4, base=16),
        known("kuangliu ResNet", "resnet", **small, names="kuangliu"),
        known("akamaster ResNet", "resnet", **small, names="kuangliu", shortcut="zeros"),
        known("chenyaofo ResNet", "resnet", channels=1, width=16, blocks="1-1-1", stem="cifar"),
        known("OpenLTH ResNet", "resnet", **small, names="openlth"),
        known("wide ResNet (xternalz)", "wide-resnet", channels=1, depth=10, widen=1),
    ]


REFUSED: dict[str, tuple[bytes, str]] = {
    "index of a distributed checkpoint": (
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c)torch.distributed.checkpoint.metadata" + bytes(600),
        "pack its whole folder",
    ),
}


@torch.no_grad()
def check_outputs(made: Any, model: nn.Module, probe: Any) -> None:
    """The outputs of the server are those of the model."""
    own = model.eval()(X)
    own = own["logits"] if isinstance(own, dict) else own
    own = torch.cat([torch.zeros_like(own), own], 1) if own.shape[1] == 1 else own
    verdict = made.verify(own, probe=probe)
    assert verdict.value == "verified", made.verification.sentence
    difference = float(made.verification.sentence.rpartition(" is ")[2].rstrip("."))
    assert difference < MOST_DIFFERENCE, made.verification.sentence


def test_every_kind_comes_in_at_its_level(project: Project, tmp_path: Path) -> None:
    np.savez(tmp_path / "probe.npz", x=X.numpy())
    probe = project.upload_probe(tmp_path / "probe.npz", name="probe")
    lines = []
    for number, kind in enumerate(kinds()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = kind.make(folder / f"file{kind.file}")
        made = project.upload_checkpoint(path, name=f"{number} {kind.name}", **(kind.description or {}))
        assert made.level.value == kind.level, (kind.name, made.reason)
        if kind.model is not None:
            check_outputs(made, kind.model, probe)
        outputs = "" if kind.model is None else "equal"
        lines.append(f"| {kind.name} | {kind.file or 'any ending'} | {made.level.words} | {outputs} |")
    refusals = []
    for name, (data, sentence) in REFUSED.items():
        path = tmp_path / "refused"
        path.write_bytes(data)
        with pytest.raises(ClientError, match=sentence) as refused:
            project.upload_checkpoint(path, name=name)
        said = str(refused.value).partition(": ")[2].replace("|", r"\|")
        refusals.append(f"| {name} | {said} |")
    text = "\n".join(
        [HEAD + "\n".join(lines), "", "Refused, with what to do instead:", "", "| kind | answer |", "|---|---|"]
    )
    text = f"{text}\n" + "\n".join(refusals) + "\n"
    if os.environ.get("KINSCAPE_WRITE"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, (
        "docs/formats.md is out of date: KINSCAPE_WRITE=1 pytest tests/backend/api/test_formats.py"
    )
