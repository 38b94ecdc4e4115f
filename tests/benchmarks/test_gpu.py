"""The command for a machine with a GPU, small and on the processor, so that it is right when one is at hand."""

import pytest

from benchmarks import gpu


def test_every_part_runs_and_is_right(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINSCAPE_DEVICE", "")
    assert gpu.main(["--device", "cpu", "--small"]) == 0
    said = capsys.readouterr().out
    assert "WRONG" not in said
    for part in gpu.PARTS:
        assert f"({part.__name__})" in said


def test_a_wrong_number_ends_with_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([1.0, 1.0 + 1e-2])
    monkeypatch.setattr(gpu, "number", lambda *_, **__: next(numbers, 1.0))
    monkeypatch.setattr(gpu, "PARTS", (gpu.equal_numbers,))
    assert gpu.main(["--device", "cpu", "--small"]) == 1
    assert "| WRONG |" in capsys.readouterr().out
