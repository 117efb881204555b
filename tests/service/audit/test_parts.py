"""The part of the log that concerns a partner: whoever has all of it knows, and what is left out shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from service.audit import tree
from service.audit.entries import ENTRIES, Reader
from service.audit.errors import HeadUnknown
from service.audit.leaf import Leaf
from service.audit.parts import Part, ProvedPart, parts_root, prove_part
from service.audit.verify import Fault
from service.schema import audit_events, audit_heads, audit_parts
from tests.databases import Databases
from tests.service.audit.scene import Log
from watchlists.database import writing
from watchlists.schema import NODE

ON_BOTH_DATABASES = True


@pytest.fixture
def log(tmp_path: Path, databases: Databases) -> Iterator[Log]:
    """Entries of XA, XB and the operator in between, and a head over them."""
    log = Log(tmp_path, databases)
    for partner in ("xa", "xb", "xa", None, "xa"):
        log.append(partner=partner)
    log.sign()
    yield log
    log.engine.dispose()


def leaves_of(log: Log, partner: str) -> list[Leaf]:
    """What the auditor of a partner is shown."""
    with log.engine.connect() as connection:
        query = ENTRIES.where(audit_events.c.partner == partner)
        return [entry.leaf for entry in Reader(connection, log.keys).entries(query=query)]


def is_whole(proved: ProvedPart, leaves: list[Leaf]) -> bool:
    return proved.is_whole(leaf.hash() for leaf in leaves)


def keys(log: Log) -> dict[str, str]:
    with log.source() as source:
        return dict(source.keys)


@pytest.mark.parametrize(("partner", "size"), [("xa", 3), ("xb", 1)])
def test_whoever_has_all_entries_of_a_part_proves_that_none_is_missing(log: Log, partner: str, size: int) -> None:
    proved, leaves = log.heads.part(partner), leaves_of(log, partner)
    assert (proved.part.partner, proved.part.size) == (partner, size)
    assert proved.is_proved(keys(log))
    assert is_whole(proved, leaves)


def test_one_that_is_left_out_moved_or_put_in_shows(log: Log) -> None:
    proved, leaves = log.heads.part("xa"), leaves_of(log, "xa")
    for left_out in range(3):
        assert not is_whole(proved, leaves[:left_out] + leaves[left_out + 1 :])
    assert not is_whole(proved, [leaves[1], leaves[0], leaves[2]])
    assert not is_whole(proved, [leaves[0], replace(leaves[1], kind="entry-read"), leaves[2]])
    assert not is_whole(proved, leaves_of(log, "xb") + leaves)


def test_newer_entries_are_of_the_next_head(log: Log) -> None:
    proved = log.heads.part("xa")
    log.append(2)
    assert is_whole(log.heads.part("xa"), leaves_of(log, "xa"))
    log.sign()
    later = log.heads.part("xa")
    assert (proved.part.size, later.part.size) == (3, 5)
    assert is_whole(later, leaves_of(log, "xa"))
    assert not is_whole(later, leaves_of(log, "xa")[:-1])


def test_a_part_of_another_size_or_partner_or_head_is_not_proved(log: Log) -> None:
    proved, known = log.heads.part("xa"), keys(log)
    assert not proved.is_proved({})
    for forged in (
        replace(proved, part=replace(proved.part, size=2)),
        replace(proved, part=replace(proved.part, partner="xb")),
        replace(proved, place=proved.place + 1),
        replace(proved, head=replace(proved.head, parts=parts_root([proved.part]))),
        replace(proved, head=replace(proved.head, parts=None)),
    ):
        assert not forged.is_proved(known)


def test_a_proof_is_read_back_as_it_was_written(log: Log) -> None:
    proved = log.heads.part("xa")
    assert ProvedPart.read(json.loads(json.dumps(proved.plain()))) == proved
    for broken in ({}, proved.plain() | {"part": {}}, proved.plain() | {"proof": None}):
        with pytest.raises(ValueError, match="lacks a part"):
            ProvedPart.read(broken)


def test_a_proof_tells_nothing_of_others_but_how_many_there_are(log: Log) -> None:
    text = json.dumps(log.heads.part("xa").plain())
    assert "xb" not in text
    assert NODE not in text


def test_a_partner_without_entries_has_no_part(log: Log) -> None:
    with pytest.raises(HeadUnknown):
        log.heads.part("xc")


@pytest.mark.parametrize("count", range(1, 9))
def test_each_of_any_number_of_parts_is_proved(log: Log, count: int) -> None:
    parts = [Part(f"x{number}", number, tree.leaf_hash(bytes([number]))) for number in range(count)]
    head = replace(log.sign(), parts=parts_root(parts))
    for part in parts:
        proved = prove_part(reversed(parts), part.partner, head)
        assert proved is not None
        assert tree.is_included(part.hash(), proved.place, count, proved.proof, parts_root(parts))


def test_an_operator_who_hides_an_entry_from_its_partner_is_found_by_the_whole_log(log: Log) -> None:
    """The part is signed without it, so that the partner sees nothing; whoever has the whole log does."""
    log.append()
    with writing(log.engine) as connection:
        last = connection.execute(audit_parts.select().where(audit_parts.c.partner == "xb")).one()
        xa = update(audit_parts).where(audit_parts.c.partner == "xa")
        connection.execute(xa.values(size=1, frontier=last.frontier))
    log.sign()
    flaw = log.verify().flaw
    assert flaw is not None
    assert (flaw.fault, flaw.first, flaw.last) == (Fault.PARTS_CHANGED, 7, 7)


def test_a_head_cannot_fall_silent_on_the_parts(log: Log) -> None:
    log.append()
    log.sign()
    with writing(log.engine) as connection:
        connection.execute(update(audit_heads).where(audit_heads.c.size == 7).values(parts=None))
    flaw = log.verify().flaw
    assert flaw is not None
    assert (flaw.fault, flaw.first) == (Fault.HEAD_FORGED, 7)


def test_entries_of_before_there_were_parts_are_counted_when_the_log_is_opened(log: Log) -> None:
    before = log.heads.part("xa")
    with writing(log.engine) as connection:
        connection.execute(audit_parts.delete())
        connection.execute(audit_heads.delete())
    with pytest.raises(HeadUnknown):
        log.heads.part("xa")
    again = Log.again(log)
    again.append()
    again.sign()
    assert again.heads.part("xa").part.size == before.part.size + 1
    assert is_whole(again.heads.part("xa"), leaves_of(again, "xa"))
    assert again.verify().flaw is None
    again.engine.dispose()
