"""What commands tell of their progress where nobody watches a terminal."""

from __future__ import annotations

import pytest

from service.commands.progress import progress_bars


def test_without_a_terminal_each_part_is_named_when_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as tell:
        for done in range(3):
            tell("entries", done, 2)
        assert capsys.readouterr().err == "entries ...\n"
        tell("kernels", 0, 0)
    assert capsys.readouterr() == ("", "kernels ...\n")


def test_on_a_terminal_there_is_a_bar_with_what_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bars() as tell:
        tell("entries", 1, 4)
        tell("kernels", 0, 0)
    shown = capsys.readouterr().err
    assert "entries" in shown
    assert "25%" in shown
    assert "kernels" in shown
