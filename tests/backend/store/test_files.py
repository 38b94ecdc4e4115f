"""Files by their hash: published by several at once, checked when read, put aside when damaged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.store.files import DamagedFile, Files, hash_of


@pytest.mark.fault("the same bytes uploaded at once")
def test_the_same_bytes_are_published_by_many_at_once(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    for k in range(30):
        sources = [tmp_path / f"source{n}" for n in range(6)]
        for source in sources:
            source.write_bytes(str(k).encode() * 50_000)
        with ThreadPoolExecutor(6) as pool:
            digests = set(pool.map(files.publish, sources))
        assert len(digests) == 1
        assert files.path(digests.pop()).read_bytes() == sources[0].read_bytes()
        assert all(source.is_file() for source in sources)
    assert not list((tmp_path / "files").rglob("*.part"))


@pytest.mark.fault("bits of a stored file that flip, a file that is missing")
def test_a_file_whose_bytes_changed_is_put_aside(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"weights" * 1000)
    digest = Files(tmp_path / "files").publish(source)
    files = Files(tmp_path / "files")
    assert files.verified(digest) == files.path(digest)
    path = files.path(digest)
    path.unlink()
    path.write_bytes(b"weighty" * 1000)
    # Once in a process; another process sees it.
    assert files.verified(digest) == path
    other = Files(tmp_path / "files")
    with pytest.raises(DamagedFile, match="upload it again"):
        other.verified(digest)
    with pytest.raises(NotFound, match="missing; upload it again"):
        other.verified(digest)
    assert other.publish(source) == digest
    assert hash_of(other.verified(digest)) == digest
