"""The command line does what the client does, and says what went wrong in one sentence."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from kinscape import build
from kinscape.cli import main
from kinscape.client import Client
from kinscape.local import launcher
from tests.conftest import Server


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_from_files_to_a_link_on_the_command_line(
    server: Server, networks: list[Path], probe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"cli {time.monotonic_ns()}"
    to = ["--url", server.url]
    assert main([*to, "project", "create", name]) == 0
    assert main([*to, "probe", "upload", str(probe_file), "--project", name, "--name", "digits"]) == 0
    assert "200 samples, 10 classes" in said(capsys)
    files = [str(f) for f in networks[:2]]
    tagged = ["--tag", "optim=sgd", "--group", "seeds"]
    lenet = ["--architecture", "lenet", "--argument", "classes=10"]
    assert main([*to, "upload", *files, "--project", name, *lenet, *tagged]) == 0
    assert said(capsys).count("is ready (lenet") == 2
    by_name = ["--pattern", "net_seed{seed}_{optim}", "--run", "{optim}-{seed}", "--step", "7"]
    by_name += ["--parent", "net_seed0_{optim}"]
    assert main([*to, "upload", str(networks[2]), "--project", name, *lenet, *by_name]) == 0
    assert "is ready (lenet" in said(capsys)
    third = next(c for c in Client(server.url).project(name).checkpoints() if c.name == networks[2].stem)
    assert (third.tags, third.run, third.parent, third.step) == (
        {"seed": "2", "optim": "sgd"},
        "sgd-2",
        "net_seed0_sgd",
        7,
    )
    assert main([*to, "upload", str(networks[0]), "--project", name, "--pattern", "resnet{seed}"]) == 1
    assert "does not fit the pattern" in capsys.readouterr().err
    Client(server.url).project(name).checkpoint(third.id).delete()
    asked = ["--measure", "disagreement", "--measure", "linear-cka", "--layer", "features.3"]
    prune = [
        "make",
        "prune",
        "--project",
        name,
        "--of",
        "net_seed0_sgd",
        "--set",
        "share=0.5",
        "--set",
        "per_layer=yes",
    ]
    assert main([*to, *prune, "--name", "half"]) == 0
    assert "half ready" in said(capsys)
    assert main([*to, *prune, "--name", "half"]) == 1
    assert main([*to, "make", "prune", "--project", name, "--of", "half", "--set", "share=nan", "--name", "q"]) == 1
    assert "finite" in capsys.readouterr().err
    assert main([*to, "make", "quantise", "--project", name, "--of", "half", "--set", "bits=x", "--name", "q"]) == 1
    assert "bits" in capsys.readouterr().err
    assert main([*to, "delete", "half", "--project", name]) == 0
    capsys.readouterr()
    assert main([*to, "compare", "--project", name, "--probe", "digits", *asked, "--json"]) == 0
    found = json.loads(said(capsys))
    assert found["status"] == "done"
    assert found["counts"] == {"new": 2, "reused": 0}
    number = str(found["id"])
    assert main([*to, "export", number, "--measure", "linear-cka", "--format", "json"]) == 0
    matrix = json.loads(said(capsys))
    assert matrix["labels"] == ["net_seed0_sgd", "net_seed1_sgd"]
    assert (
        main([*to, "export", number, "--measure", "linear-cka", "--format", "npz", "--output", str(tmp_path / "m.npz")])
        == 0
    )
    assert np.load(tmp_path / "m.npz")["values"][0, 1] == matrix["values"][0][1]
    assert main([*to, "comparison", "change", number, "--name", "three seeds", "--notes", "first"]) == 0
    capsys.readouterr()
    assert main([*to, "comparison", "list", "--project", name]) == 0
    assert capsys.readouterr().out == f"{number}\tdone\tthree seeds\n"
    assert main([*to, "share", number]) == 0
    url = said(capsys)
    assert httpx.get(url).status_code == 303
    with Client(server.url, "") as client:
        link = str(client.comparison(int(number)).shares()[0].id)
    assert main([*to, "link", "extend", number, link, "--days", "90"]) == 0
    assert said(capsys).startswith("until 20")
    assert main([*to, "link", "list", number]) == 0
    assert said(capsys).startswith(f"{link}\tuntil 20")
    assert main([*to, "link", "revoke", number, link]) == 0
    assert httpx.get(url, headers={"X-Forwarded-For": "203.0.113.61"}).status_code == 404
    assert main([*to, "link", "revoke", number, "999999"]) == 1
    assert "no link 999999" in capsys.readouterr().err
    assert main([*to, "comparison", "delete", number]) == 0
    assert "0 links closed" in said(capsys)
    assert main([*to, "comparison", "list", "--project", name, "--deleted"]) == 0
    assert said(capsys).startswith(f"{number}\tdone")
    assert main([*to, "comparison", "restore", number]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["project", "create", " "], "empty"),
        (["compare", "--project", "no such project", "--probe", "x", "--measure", "nll"], "no project named"),
        (["upload", "nowhere.safetensors", "--project", "no such project"], "no project named"),
        (["share", "999999"], "no comparison 999999"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--url", server.url, *arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert "\n" not in error


def test_a_server_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "http://127.0.0.1:9", "project", "create", "x"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_a_wrong_setting_ends_a_program_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "KINSCAPE_DATABASE_URL": "postgresql://x", "KINSCAPE_BROKER_URL": "redis://x"}
    environment |= {"KINSCAPE_FILES": str(tmp_path), "KINSCAPE_TIME_LIMIT_S": "soon"}
    done = subprocess.run(
        [sys.executable, "-c", "import kinscape.worker.tasks"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("KINSCAPE_TIME_LIMIT_S: Input should be a valid integer")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("has", "expected"), [(1, 1), (3, 3), (64, 4)])
def test_workers_share_the_cores(has: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "cores", lambda: has)
    monkeypatch.setattr(launcher, "GIBIBYTES_PER_WORKER", 1)
    gpu = Path("/dev/nvidiactl").exists()
    assert launcher.usual_workers() == (1 if gpu else expected)
    monkeypatch.setattr(launcher, "GIBIBYTES_PER_WORKER", 1 << 20)
    assert launcher.usual_workers() == 1


def test_files_of_several_runs_come_in_and_a_proposal_is_no_dead_end(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"cli runs {time.monotonic_ns()}"
    to = ["--url", server.url]
    assert main([*to, "project", "create", name]) == 0
    files = []
    for seed in range(2):
        torch.manual_seed(seed)
        (tmp_path / f"seed{seed}").mkdir()
        files.append(tmp_path / f"seed{seed}" / "last.ckpt")
        torch.save({"state_dict": build("mlp", inputs=12, classes=3, width=5, depth=1).state_dict()}, files[-1])
    assert main([*to, "upload", *map(str, files), "--project", name]) == 0
    out = said(capsys)
    assert out.count("is ready (weights only") == 2
    assert "fit mlp(inputs=12, classes=3, width=5, depth=1)" in out
    assert main([*to, "confirm", "seed0/last", "--project", name]) == 0
    assert "seed0/last is ready (mlp" in said(capsys)
    assert main([*to, "delete", "seed1/last", "--project", name]) == 0
    assert main([*to, "confirm", "seed1/last", "--project", name]) == 1
    assert "no checkpoint named 'seed1/last'" in capsys.readouterr().err


def test_a_probe_set_says_what_was_done_to_it(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"cli probe {time.monotonic_ns()}"
    to = ["--url", server.url]
    assert main([*to, "project", "create", name]) == 0
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "p.npz", images=images, labels=np.arange(9) % 2)
    to_it = [*to, "probe", "upload", str(tmp_path / "p.npz"), "--project", name]
    assert main([*to_it, "--mean", "0.5", "0.5", "0.5", "--std", "0.2", "0.2", "0.2"]) == 0
    out = said(capsys)
    assert "9 samples, 2 classes" in out
    assert "divided by 255" in out
    assert "colours last" in out
    assert main([*to_it, "--name", "other", "--mean", "0.5"]) == 1
    assert "--mean and --std belong together" in capsys.readouterr().err
    assert main([*to_it, "--name", "third", "--mean", "0.5", "0.5", "--std", "1", "1"]) == 1
    assert "2 channels, the samples have 3" in capsys.readouterr().err
