"""Folders as hubs have them, from the client and the command line."""

import json
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kinscape import cli
from kinscape.client import ClientError, Project, folders
from kinscape.client.folders import one_file
from kinscape.worker.door import packed
from tests.conftest import Server


def hub(folder: Path) -> dict[str, torch.Tensor]:
    """Two shards with their index, the configuration, and what training left."""
    folder.mkdir(parents=True)
    state = {f"layer{k}.weight": torch.full((3, 2), float(k)) for k in range(4)}
    shards = {"model-1.safetensors": list(state)[:2], "model-2.safetensors": list(state)[2:]}
    for shard, names in shards.items():
        save_file({n: state[n] for n in names}, folder / shard)
    index = {"weight_map": {n: shard for shard, names in shards.items() for n in names}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text("{}")
    torch.save({"state": {}}, folder / "optimizer.pt")
    torch.save({}, folder / "rng_state_0.pth")
    return state


def test_a_folder_of_shards_is_one_checkpoint(project: Project, tmp_path: Path, server: Server) -> None:
    state = hub(tmp_path / "llama-3.1-tiny")
    made = project.upload_checkpoint(tmp_path / "llama-3.1-tiny")
    assert made.name == "llama-3.1-tiny" and made.parameters == sum(t.numel() for t in state.values())
    hub(tmp_path / "other" / "llama-3.1-tiny")
    (tmp_path / "other" / "llama-3.1-tiny" / "model-1.safetensors").unlink()
    command = ["--url", server.url, "upload", "--project", project.name, str(tmp_path / "other" / "llama-3.1-tiny")]
    assert cli.main(command) == 1


def test_names_of_folders_have_no_ending(tmp_path: Path) -> None:
    hub(tmp_path / "net-1.5")
    assert cli.names_of([tmp_path / "net-1.5"]) == {tmp_path / "net-1.5": "net-1.5"}


def test_one_file_packs_the_weights_alone(tmp_path: Path) -> None:
    state = hub(tmp_path / "net")
    with one_file(tmp_path / "net") as packed, tarfile.open(packed) as archive:
        names = archive.getnames()
    assert names == ["model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"]
    assert not packed.exists()
    save_file(state, tmp_path / "a.safetensors")
    with one_file(tmp_path / "a.safetensors") as same:
        assert set(load_file(same)) == set(state)


def test_folders_without_weights_and_missing_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClientError, match="holds no weights"), one_file(tmp_path / "empty"):
        pass
    with pytest.raises(ClientError, match="There is no file"), one_file(tmp_path / "gone.pt"):
        pass


def test_whatever_an_archive_may_hold_is_packed() -> None:
    """The client does not import the server's readers; their lists of endings must say the same."""
    assert set(folders.ENDINGS) == {*packed.ENDINGS, packed.DISTRIBUTED, ".index.json"}
    assert folders.INDEX_OF_PIECES == packed.INDEX_OF_PIECES
