"""Five small language models and an adapter on one of them, in one comparison."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kinscape import measure
from kinscape.backend.contracts.checkpoints import Level
from kinscape.client import ClientError, Project

BATCH = ({0: torch.export.Dim.AUTO},)
VOCABULARY, WIDTH, LAYERS = 40, 64, 2
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")


class Attention(nn.Module):
    """One head that looks back."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q_proj(x) @ self.k_proj(x).mT / WIDTH**0.5
        past = torch.ones_like(scores).tril()
        out: Tensor = scores.masked_fill(past == 0, -1e9).softmax(-1) @ self.v_proj(x)
        return out


class Language(nn.Module):
    """A causal language model under the names of a well-known family."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.model.layers = nn.ModuleList(Attention() for _ in range(LAYERS))
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = x + layer(x)
        out: Tensor = self.lm_head(x)
        return out


def test_five_models_and_an_adapter_in_one_comparison(project: Project, tmp_path: Path) -> None:
    ids = torch.randint(0, VOCABULARY, (50, 9), generator=torch.Generator().manual_seed(0))
    np.savez(tmp_path / "texts.npz", input_ids=ids.numpy())
    probe = project.upload_probe(tmp_path / "texts.npz", name="texts")
    models = []
    for seed in range(5):
        torch.manual_seed(seed)
        models.append(Language().eval())
        made = torch.export.export(models[-1], (ids[:2],), dynamic_shapes=BATCH)
        torch.export.save(made, tmp_path / f"lm{seed}.pt2")
        project.upload_checkpoint(tmp_path / f"lm{seed}.pt2")
    a, b = torch.randn(2, WIDTH), torch.randn(WIDTH, 2)
    place = "base_model.model.model.layers.1.v_proj"
    save_file({f"{place}.lora_A.weight": a, f"{place}.lora_B.weight": b}, tmp_path / "adapter_model.safetensors")
    adapter = project.upload_checkpoint(tmp_path / "adapter_model.safetensors", name="adapter")
    assert adapter.level is Level.WEIGHTS
    tuned = project.derive("merge", ["lm0", "adapter"], name="tuned", alpha=8)
    delta = project.derive("difference", ["tuned", "lm0"], name="delta")
    assert (tuned.level, delta.level, tuned.parent) == (Level.PROGRAM, Level.WEIGHTS, "lm0")

    names = [*(f"lm{k}" for k in range(5)), "tuned", "delta"]
    layers = ["model.layers.0", "model.layers.1"]
    asked = project.compare(
        checkpoints=names,
        probe=probe,
        measures=["js-divergence", "linear-cka", "intruder-dimensions", "stable-rank", "effective-rank"],
        layers=layers,
        reduction="last-token",
    ).wait(timeout_s=120)
    assert asked.status == "done", asked.log
    with torch.no_grad():
        plain = models[0](ids)[:, :-1].flatten(0, 1).double()
        models[0].model.layers[1].v_proj.weight += 4 * b @ a
        after = models[0](ids)[:, :-1].flatten(0, 1).double()
    matrix = asked.matrix("js-divergence")
    assert matrix.values[0, 5] == pytest.approx(measure("js-divergence")(plain, after).value, abs=1e-6)
    assert matrix.low[0, 1] < matrix.values[0, 1] < matrix.high[0, 1]
    assert "upload it as a program" in matrix.reasons[0, 6]
    # What the adapter changes is behind the first layer.
    assert asked.matrix("linear-cka", layer=layers[0]).values[0, 5] == pytest.approx(1)
    assert asked.matrix("linear-cka", layer=layers[1]).values[0, 5] < 0.999
    intruders = asked.matrix("intruder-dimensions").values
    assert 0 < intruders[0, 5] < intruders[0, 1]
    # Of rank two, as the adapter is.
    assert asked.table(["stable-rank"]).values[6, 0] <= 2 + 1e-6


def test_an_adapter_of_another_model_is_told(project: Project, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(Language().state_dict(), tmp_path / "base.safetensors")
    save_file(
        {"deep.lora_A.weight": torch.ones(2, 3), "deep.lora_B.weight": torch.ones(3, 2)}, tmp_path / "a.safetensors"
    )
    project.upload_checkpoint(tmp_path / "base.safetensors")
    project.upload_checkpoint(tmp_path / "a.safetensors")
    with pytest.raises(ClientError, match=r"deep\.weight of the adapter is not in the base"):
        project.derive("merge", ["base", "a"], name="merged", alpha=8)
    with pytest.raises(ClientError, match="alpha"):
        project.derive("merge", ["base", "a"], name="merged again")
