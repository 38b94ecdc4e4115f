"""Networks of nine kinds, dropped at once as files and folders: each with its level, all in one matrix."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from playwright.sync_api import Page, expect
from safetensors.torch import save_file
from torch import Tensor, nn

from kinscape import Client, build, record
from kinscape.backend.contracts.checkpoints import Verdict
from tests import own_networks
from tests.journeys.test_upload_compare_share import drawn
from tests.worker.door import other_frameworks as others
from tests.worker.door.test_probe_images import png, zipped

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")


class Transformer(nn.Module):
    """An image transformer that no registry knows."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 2, stride=2)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.block(self.patches(x).flatten(2).mT).mean(1))
        return out


def sharded(folder: Path, state: dict[str, Tensor]) -> None:
    """A folder as hubs have it: configuration, shards, their index, and what training left."""
    folder.mkdir(parents=True)
    names = list(state)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, some in shards.items():
        save_file({n: state[n].clone() for n in some}, folder / shard)
    index = {"weight_map": {n: shard for shard, some in shards.items() for n in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text("{}")
    torch.save({"state": {}}, folder / "optimizer.pt")


def drop_paths(page: Page, paths: list[Path]) -> None:
    """Drop files and folders of the disk, as a file manager does."""
    page.locator("#drop-target").wait_for()
    box = page.locator("#drop-target").bounding_box()
    assert box is not None
    place = {"x": box["x"] + 40, "y": box["y"] + 40}
    data = {"items": [], "files": [str(p) for p in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def callable_of(weight: npt.NDArray[np.float64]) -> Any:
    """A network of another library: a function of arrays."""
    return lambda x: {"outputs": np.tanh(x.reshape(len(x), -1)) @ weight, "hidden": np.tanh(x.reshape(len(x), -1))}


def test_networks_of_nine_kinds_come_into_one_matrix(
    page: Page, client: Client, tmp_path: Path, probe_file: Path
) -> None:
    page.set_default_timeout(30_000)
    project = client.create_project(f"any network {tmp_path.name}")
    torch.manual_seed(0)
    resnet = build("resnet", blocks="1-1", width=8, channels=1, stem="cifar")
    torch.save(resnet.state_dict(), tmp_path / "resnet.pth")
    shapes = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(Transformer().eval(), (torch.randn(2, 1, 8, 8),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "transformer.pt2")
    sharded(tmp_path / "hub" / "big-net", Transformer().state_dict())
    for seed in (0, 1):
        (tmp_path / "runs" / f"seed{seed}").mkdir(parents=True)
        lenet = build("lenet", classes=10)
        state = {f"model.{n}": t for n, t in lenet.state_dict().items()}
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "runs" / f"seed{seed}" / "last.ckpt")
    torch.save(own_networks.two_layers(16, 10, "tanh").state_dict(), tmp_path / "own.pth")
    with np.load(probe_file) as file:
        x = file["x"]
    weight = np.random.default_rng(0).normal(size=(64, 10))
    record(callable_of(weight), x, layers=["hidden"], path=str(tmp_path / "jax.safetensors"))

    odd = {"block.kernel": torch.ones(3, 5), "block.bias": torch.ones(5)}
    others.keras_archive(tmp_path / "dense.keras", odd)
    (tmp_path / "dcp" / "step-3").mkdir(parents=True)
    for name, data in others.folder_of(tmp_path / "any", odd).items():
        (tmp_path / "dcp" / "step-3" / name).write_bytes(data)

    page.goto(f"/projects/{project.id}")
    names = ["resnet.pth", "transformer.pt2", "hub", "runs", "own.pth", "jax.safetensors", "dense.keras", "dcp"]
    drop_paths(page, [*[tmp_path / n for n in names], probe_file])
    expect(page.locator(".upload-row")).to_have_count(10)
    named = {
        row.get_attribute("data-file"): row.locator(".name").input_value() for row in page.locator(".upload-row").all()
    }
    assert named["big-net.tar"] == "big-net"
    assert named["step-3.tar"] == "step-3"
    assert sorted(v for k, v in named.items() if k == "last.ckpt") == ["seed1/last"]
    page.click("#upload-all")
    says = page.locator(".upload-row .says")
    for text, count in (("ready: program", 1), ("ready: recorded", 1), ("until its architecture is confirmed", 4)):
        expect(says.filter(has_text=text)).to_have_count(count)
    row = page.locator(".upload-row[data-file='own.pth']")
    row.get_by_label("Architecture of own.pth").select_option(label="two-layers(activation=tanh)")
    row.locator("button.confirm").click()
    page.locator(".upload-row[data-file='resnet.pth'] button.confirm").click()
    page.locator(".upload-row[data-file='last.ckpt'] button.confirm").first.click()
    for kind, count in (("ready: two-layers", 1), ("ready: resnet", 1), ("ready: lenet", 2)):
        expect(says.filter(has_text=kind)).to_have_count(count)

    found = {c.name: (c.level.value, c.architecture) for c in project.checkpoints()}
    assert found == {
        "resnet": ("network", "resnet"),
        "transformer": ("program", None),
        "big-net": ("weights", None),
        "seed0/last": ("network", "lenet"),
        "seed1/last": ("network", "lenet"),
        "own": ("network", "two-layers"),
        "jax": ("recorded", None),
        "dense": ("weights", None),
        "step-3": ("weights", None),
    }
    asked = project.compare(checkpoints=list(found), probe=project.probes()[0].id, measures=["disagreement", "l2-norm"])
    asked.wait(timeout_s=90)
    values = asked.matrix("disagreement").values
    known = [k for k, (level, _) in enumerate(found.values()) if level != "weights"]
    assert np.isfinite(values[np.ix_(known, known)]).all()
    page.goto(f"/comparison/{asked.id}?tab=matrix&measure=disagreement")
    drawn(page, "disagreement")
    # Three architectures were confirmed by a click, which shows nothing of the function.
    expect(page.locator(".marks").last).to_have_text("° architecture named, outputs not verified")
    own = next(c for c in project.checkpoints() if c.name == "own")
    with torch.no_grad():
        relu = own_networks.two_layers(16, 10, "relu")
        relu.load_state_dict(torch.load(tmp_path / "own.pth"))
        assert own.verify(relu(torch.from_numpy(x[:8]))) is Verdict.CONTRADICTED
    page.reload()
    drawn(page, "disagreement")
    expect(page.locator(".marks").last).to_contain_text("≠ computes other outputs than its owner gave")


def test_what_a_file_is_can_be_chosen(page: Page, client: Client, tmp_path: Path) -> None:
    """A probe set in a file that is usually a checkpoint, and images in class folders."""
    page.set_default_timeout(30_000)
    project = client.create_project(f"kinds {tmp_path.name}")
    torch.save({"x": torch.randn(12, 1, 8, 8), "y": torch.arange(12) % 3}, tmp_path / "held.pt")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    zipped(tmp_path / "pictures.zip", {f"{'ab'[k % 2]}/{k}.png": png(pixels[k]) for k in range(6)})
    page.goto(f"/projects/{project.id}")
    drop_paths(page, [tmp_path / "held.pt", tmp_path / "pictures.zip"])
    for name in ("held.pt", "pictures.zip"):
        page.get_by_label(re.compile(rf"What {re.escape(name)} is")).select_option("probe")
    page.click("#upload-all")
    expect(page.locator(".upload-row .says", has_text="ready")).to_have_count(2)
    expect(page.locator("#probe-list")).to_contain_text("Class folders in the order of their names: 0 = a, 1 = b.")
    assert {p.name: p.samples for p in project.probes()} == {"held": 12, "pictures": 6}
