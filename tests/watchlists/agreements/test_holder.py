"""The rule book in use follows its folder: all of a change at once, or nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Write, terminal, wanted
from watchlists.agreements import holder as holder_module
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.holder import RuleBookHolder
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement, load_agreements
from watchlists.errors import AgreementInvalid

FORBID = '@id("no")\nforbid (principal, action, resource);\n'


def level(book: RuleBook) -> Level:
    return book.disclosure(terminal(), wanted(), 6.0, NOW).level


def test_a_change_is_loaded_once(write: Write, tmp_path: Path) -> None:
    folder = write(SEARCH + SCORE)
    holder = RuleBookHolder(tmp_path)
    assert not holder.follow()
    before = holder.current
    (folder / "rules.cedar").write_text(SEARCH + SCORE + FORBID, "utf-8")
    assert (holder.follow(), holder.follow()) == (True, False)
    assert (level(before), level(holder.current)) == (Level.SCORE, Level.NONE)


def test_what_is_not_sound_is_said_once_and_changes_nothing(write: Write, tmp_path: Path) -> None:
    folder = write(SEARCH + SCORE)
    holder = RuleBookHolder(tmp_path)
    before = holder.current
    (folder / "rules.cedar").write_text(SEARCH + SCORE + "forbid", "utf-8")
    with pytest.raises(AgreementInvalid):
        holder.follow()
    assert not holder.follow()
    assert holder.current is before


def test_a_folder_that_changes_while_it_is_read_is_left_for_the_next_look(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody copies an agreement into place and not by renaming it: the half that is read lacks the forbid."""
    rules = write(SEARCH) / "rules.cedar"
    holder = RuleBookHolder(tmp_path)
    before = holder.current

    def load_while_it_is_copied(root: Path) -> tuple[Agreement, ...]:
        monkeypatch.undo()
        half = load_agreements(root)
        rules.write_text(SEARCH + SCORE + FORBID, "utf-8")
        return half

    rules.write_text(SEARCH + SCORE, "utf-8")
    monkeypatch.setattr(holder_module, "load_agreements", load_while_it_is_copied)
    assert not holder.follow()
    assert holder.current is before
    assert holder.follow()
    assert level(holder.current) is Level.NONE
