"""What reviewers may look at, and why they may not look at the rest."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image

from models.images import decode_image
from service.commands.portraits import ENROLLED, PROBE
from service.errors import UnknownFlag
from service.identity import Caller, WrongRole
from service.review.comparing import Comparisons, PictureNotShown
from service.review.comparison import Absent, Comparison, Cut, Faces, Impression, Missing, Side
from service.roles import Role
from service.schema import kept_probes
from tests.service.node import face
from tests.service.recorded import recorded
from tests.service.scene import ALERT, SEARCH, Scene, rule
from watchlists.agreements import Clause
from watchlists.database import writing

XA, XB, XC = (Caller(partner, Role.REVIEWER, "maria") for partner in ("xa", "xb", "xc"))
KEEP = rule("keep probe", asks="keep-at-most(24 h)")
KEEP_BOTH = rule("keep probe", asks="keep-at-most(24 h), kept-by(asker owner)")
BOTH = rule("compare face", when='principal.role == "reviewer"') + rule("compare fingers")


class Desk:
    """A scene with an entry of a face and a finger, and reviewers who look at those who were found."""

    def __init__(self, scene: Scene, portraits: dict[str, bytes]) -> None:
        self.scene, self.node, self._portraits = scene, scene.node, portraits
        self.comparisons: Comparisons = scene.node.runtime.comparisons

    def enrol(self, **fields: Any) -> None:
        self.scene.enrol(**{"faces": [face(self._portraits[ENROLLED])]} | fields)

    def find(self, **fields: Any) -> UUID:
        """Check the person with face and finger; return the candidate, of the flag that is open by then."""
        answer = self.scene.check(**{"face": face(self._portraits[PROBE])} | fields)
        self.node.settle()
        (candidate,) = self.scene.flagged(answer["check_id"])
        return UUID(candidate["candidate_id"])

    def look(self, candidate: UUID, reviewer: Caller = XA) -> Comparison:
        return self.comparisons.look(reviewer, candidate)

    def picture(self, candidate: UUID, side: Side, cut: Cut = Cut.WHOLE, reviewer: Caller = XA) -> Image.Image:
        picture = self.comparisons.picture(reviewer, candidate, side, 0, cut)
        assert picture.media_type == "image/jpeg"
        return Image.open(io.BytesIO(picture.content))

    def why_no_picture(self, candidate: UUID, side: Side, reviewer: Caller = XA, number: int = 0) -> Absent:
        with pytest.raises(PictureNotShown) as refused:
            self.comparisons.picture(reviewer, candidate, side, number, Cut.WHOLE)
        return refused.value.absent

    def looks(self, candidate: UUID) -> list[tuple[str, str, str]]:
        """Who has looked at a candidate, and at what."""
        found = recorded(self.node.runtime.store, "candidate-compared")
        return [
            (event["partner"], event["actor"], event["details"]["shown"])
            for event in found
            if event["details"]["candidate_id"] == str(candidate)
        ]


@pytest.fixture
def desk(scene: Scene, portraits: dict[str, bytes]) -> Iterator[Desk]:
    desk = Desk(scene, portraits)
    desk.enrol()
    yield desk
    with writing(scene.node.runtime.store.engine) as connection:
        connection.execute(kept_probes.delete())


def absent(why: Missing, *clauses: str) -> Absent:
    return Absent(why, tuple(Clause("treaty", 1, clause) for clause in clauses))


def test_both_sides_are_shown_where_the_rules_permit_it(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    seen = desk.look(candidate)
    assert isinstance(seen.faces.probe, tuple)
    assert isinstance(seen.faces.entry, tuple)
    assert [each.number for each in (*seen.faces.probe, *seen.faces.entry)] == [0, 0]
    (pair,) = seen.fingers.pairs
    assert isinstance(pair.probe, Impression)
    assert isinstance(pair.entry, Impression)
    assert len(pair.pairs) >= 8
    assert pair.score is not None
    assert pair.score >= 4
    assert [by.clause for by in seen.face_clauses] == ["permit-compare-face"]
    assert [by.clause for by in seen.finger_clauses] == ["permit-compare-fingers"]


def test_pictures_are_re_encoded_and_faces_lie_alike(desk: Desk, portraits: dict[str, bytes]) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    exif = Image.Exif()
    exif[0x010E] = "Ottoline Quillfeather"
    upside_down = io.BytesIO()
    Image.open(io.BytesIO(portraits[PROBE])).rotate(180).save(upside_down, "JPEG2000", exif=exif.tobytes())
    candidate = desk.find(face=face(upside_down.getvalue()))
    probe, entry = desk.picture(candidate, Side.PROBE), desk.picture(candidate, Side.ENTRY)
    assert probe.size == Image.open(io.BytesIO(portraits[PROBE])).size
    assert max(entry.size) == 480
    one, other = (desk.picture(candidate, side, Cut.FACE) for side in Side)
    assert one.size == other.size == (336, 336)
    upright = decode_image(desk.comparisons.picture(XA, candidate, Side.PROBE, 0, Cut.WHOLE).content)
    original = decode_image(portraits[PROBE])
    assert np.abs(upright.astype(float) - original.astype(float)).mean() < 12


def test_nothing_of_the_entry_is_shown_without_a_permit_and_each_has_its_own(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, rule("compare fingers"))
    candidate = desk.find()
    seen = desk.look(candidate)
    assert seen.faces.entry == absent(Missing.NOT_ALLOWED)
    assert isinstance(seen.faces.probe, tuple)
    assert isinstance(seen.fingers.pairs[0].entry, Impression)
    assert desk.why_no_picture(candidate, Side.ENTRY) == absent(Missing.NOT_ALLOWED)
    assert (seen.face_clauses, len(seen.finger_clauses)) == ((), 1)


def test_a_clause_that_forbids_is_named(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH, rule("compare fingers", forbid=True, name="no-fingers"))
    (pair,) = desk.look(desk.find()).fingers.pairs
    assert pair.entry == absent(Missing.FORBIDDEN, "no-fingers")
    assert isinstance(pair.probe, Impression)


def test_what_was_permitted_before_is_decided_anew(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH, rule("compare face", forbid=True))
    assert isinstance(desk.look(candidate).faces.entry, Absent)
    assert isinstance(desk.look(candidate).fingers.pairs[0].entry, Impression)


def test_a_probe_that_was_not_kept_is_said_to_be_so(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, BOTH)
    candidate = desk.find()
    seen = desk.look(candidate)
    assert seen.faces.probe == absent(Missing.NOT_KEPT)
    assert seen.fingers.pairs[0].probe == absent(Missing.NOT_KEPT)
    assert desk.why_no_picture(candidate, Side.PROBE) == absent(Missing.NOT_KEPT)
    assert desk.picture(candidate, Side.ENTRY).size


def test_a_check_without_a_face_has_none_to_show(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find(face=None)
    assert desk.look(candidate).faces.probe == absent(Missing.NOT_SENT)
    assert desk.why_no_picture(candidate, Side.PROBE) == absent(Missing.NOT_SENT)


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"faces": []}, Missing.NO_SAMPLE), ({"left out": True}, Missing.NO_PORTRAIT)],
)
def test_an_entry_without_a_portrait_says_why(
    desk: Desk, portraits: dict[str, bytes], fields: dict[str, Any], why: Missing
) -> None:
    left_out = [face(portraits[ENROLLED]) | {"keep_portrait": False}]
    desk.enrol(faces=left_out if fields.pop("left out", False) else fields["faces"])
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    assert desk.look(candidate).faces.entry == absent(why)
    if why is Missing.NO_PORTRAIT:
        copies = replace(desk.comparisons, copies=lambda: {"xb-alerts"})
        assert copies.look(XA, candidate).faces.entry == absent(Missing.AT_HOME)


def test_what_is_withdrawn_is_not_shown_any_more(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    desk.node.withdraw("xb", "E-1")
    seen = desk.look(candidate)
    assert seen.faces.entry == absent(Missing.WITHDRAWN)
    assert seen.fingers.pairs[0].entry == absent(Missing.WITHDRAWN)
    assert desk.why_no_picture(candidate, Side.ENTRY) == absent(Missing.WITHDRAWN)


def test_what_is_void_with_its_agreement_shows_nothing_of_either_side(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    desk.scene.agree(SEARCH, version=2)
    seen = desk.look(candidate)
    void = absent(Missing.VOID)
    assert seen.faces == Faces(void, void)
    assert seen.fingers.absent == void
    assert desk.why_no_picture(candidate, Side.PROBE) == void


def test_what_does_not_open_is_damaged(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    with writing(desk.node.runtime.store.engine) as connection:
        connection.execute(kept_probes.update().values(sealed=b"\1\0\0\0" + bytes(99)))
    assert desk.look(candidate).faces.probe == absent(Missing.DAMAGED)


def test_owners_see_their_own_and_the_probe_if_they_keep_it(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP)
    candidate = desk.find()
    seen = desk.look(candidate, XB)
    assert isinstance(seen.faces.entry, tuple)
    assert seen.faces.probe == absent(Missing.NOT_KEPT)
    assert desk.picture(candidate, Side.ENTRY, reviewer=XB).size
    desk.scene.agree(SEARCH, ALERT, KEEP_BOTH)
    candidate = desk.find()
    assert isinstance(desk.look(candidate, XB).faces.probe, tuple)
    assert desk.picture(candidate, Side.PROBE, reviewer=XB).size


@pytest.mark.parametrize("who", [XC, Caller("xa", Role.TERMINAL, "gate"), Caller("xa", Role.AUDITOR, "ada")])
def test_nobody_else_looks(desk: Desk, who: Caller) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    error = UnknownFlag if who.role is Role.REVIEWER else WrongRole
    looks: list[Callable[[], object]] = [
        lambda: desk.look(candidate, who),
        lambda: desk.picture(candidate, Side.PROBE, reviewer=who),
        lambda: desk.look(uuid4(), who),
    ]
    for look in looks:
        with pytest.raises(error):
            look()
    assert desk.looks(candidate) == []


def test_each_look_is_on_record_and_what_is_not_shown_is_none(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, KEEP, BOTH)
    candidate = desk.find()
    desk.look(candidate)
    desk.picture(candidate, Side.ENTRY, Cut.FACE)
    desk.picture(candidate, Side.PROBE)
    assert desk.why_no_picture(candidate, Side.ENTRY, number=7) == absent(Missing.NO_PORTRAIT)
    assert desk.looks(candidate) == [
        ("xa", "maria", "minutiae of the probe, minutiae of the entry"),
        ("xa", "maria", "face 0 of the entry, face"),
        ("xa", "maria", "face 0 of the probe, whole"),
    ]
