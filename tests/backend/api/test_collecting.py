"""What nothing needs any more leaves the disk; what somebody may still need stays."""

import fcntl
import os
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from kinscape.backend.store.files import GRACE_S, LEFTOVER_S, Files
from kinscape.client import Client, ClientError, Project
from kinscape.local import programs
from tests.conftest import Server


def sql(server: Server, *statements: str) -> None:
    engine = create_engine(programs.database_url(programs.run_folder(server.data)))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def aged(path: Path, seconds: float = GRACE_S + 60) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def stored(server: Server, checkpoint: int) -> list[Path]:
    engine = create_engine(programs.database_url(programs.run_folder(server.data)))
    with engine.begin() as connection:
        query = text("select upload_hash, file_hash from checkpoints where id = :id")
        digests = connection.execute(query, {"id": checkpoint}).one()
    engine.dispose()
    return [server.data / "files" / "content" / d[:2] / d for d in set(digests) if d]


@pytest.fixture
def own(tmp_path: Path) -> list[Path]:
    """Two files whose bytes nobody else has."""
    rng = np.random.default_rng(time.monotonic_ns())
    out = []
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", w=rng.normal(size=(30, 40)).astype(np.float32))
        out.append(tmp_path / f"{name}.npz")
    return out


def test_bytes_of_what_was_deleted_long_ago_go_and_those_of_yesterday_stay(
    server: Server, client: Client, project: Project, own: list[Path]
) -> None:
    old, young = (project.upload_checkpoint(path) for path in own)
    paths = {one.id: stored(server, one.id) for one in (old, young)}
    for path in [*paths[old.id], *paths[young.id]]:
        aged(path)
    old.delete()
    young.delete()
    sql(server, f"update checkpoints set deleted = now() - interval '8 days' where id = {old.id}")
    trial = client.collect(is_trial=True)
    assert trial.is_trial
    assert trial.deleted >= 1
    assert trial.files >= len(paths[old.id])
    assert trial.file_bytes > 30 * 40 * 4
    assert all(p.exists() for p in paths[old.id])
    assert client.collect().files == trial.files
    assert not any(p.exists() for p in paths[old.id])
    assert all(p.exists() for p in paths[young.id])
    assert young.restore().state == "ready"
    with pytest.raises(ClientError, match="There is no deleted checkpoint"):
        old.restore()
    again = client.collect()
    assert (again.files, again.deleted) == (0, 0)


def test_a_refused_file_goes_after_a_day(server: Server, client: Client, project: Project, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(f"no checkpoint {time.monotonic_ns()}")
    with pytest.raises(ClientError) as told:
        project.upload_checkpoint(tmp_path / "notes.txt")
    number = told.value.problem["id"]
    path = aged(stored(server, number)[0])
    client.collect()
    assert path.exists()
    sql(server, f"update checkpoints set created = now() - interval '2 days' where id = {number}")
    client.collect()
    assert not path.exists()


def test_questions_and_jobs_of_a_comparison_that_is_gone_go_with_their_numbers(
    server: Server, client: Client, project: Project, networks: list[Path], probe_file: Path
) -> None:
    models = [project.upload_checkpoint(path) for path in networks[:3]]
    probe = project.upload_probe(probe_file)
    comparison = project.compare(checkpoints=models, probe=probe, measures=["disagreement", "nll"]).wait()
    client.delete_comparison(comparison.id)
    sql(
        server,
        f"update comparisons set deleted = now() - interval '8 days' where id = {comparison.id}",
        f"update matrix_rows set updated = now() - interval '8 days' where checkpoint_id = {models[2].id}",
        f"update matrix_rows set updated = now() - interval '8 days' where checkpoint_id = {models[1].id}",
        f"update matrix_rows set updated = now() - interval '8 days' where checkpoint_id = {models[0].id}",
        "update jobs set finished = now() - interval '8 days' where id in "
        f"(select job_id from comparison_jobs where comparison_id = {comparison.id})",
    )
    found = client.collect()
    assert (found.questions, found.deleted) == (2, 1)
    assert found.jobs >= 3
    # What is asked again is computed again.
    again = project.compare(checkpoints=models, probe=probe, measures=["disagreement", "nll"]).wait()
    assert again.counts["new"] == 6


def test_files_are_told_apart_by_age_need_and_kind(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    (tmp_path / "one").write_bytes(b"one")
    (tmp_path / "two").write_bytes(b"two two")
    one, two = files.publish(tmp_path / "one"), files.publish(tmp_path / "two")
    left, open_one = files.quarantine / "left", files.quarantine / "open"
    left.mkdir()
    (left / "piece").write_bytes(b"12345")
    open_one.write_bytes(b"abc")
    assert files.stray(needed=set(), uploads=set()) == []
    for path in (files.path(one), files.path(two)):
        aged(path)
    for path in (left, open_one):
        aged(path, LEFTOVER_S + 60)
    found = files.stray(needed={two}, uploads={"open"})
    assert found == [(files.path(one), 3), (left, 5)]
    # Whoever publishes the same bytes again makes them young, and nobody removes while somebody publishes.
    files.publish(tmp_path / "one")
    assert not files.discard(files.path(one))
    with files._held(fcntl.LOCK_SH):
        assert not files.discard(left)
    assert files.discard(left)
    assert not files.discard(left)


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    for k, name in enumerate(("aa1", "bb2", "cc3")):
        path = files.cached(name)
        path.parent.mkdir()
        path.write_bytes(bytes(100))
        aged(path, 1000 - k)
    os.utime(files.cached("aa1"))
    assert files.beyond(300) == []
    assert [path for path, _ in files.beyond(250)] == [files.cached("bb2")]
    assert [path for path, _ in files.beyond(0)] == [files.cached(n) for n in ("bb2", "cc3", "aa1")]
