from dataclasses import replace

import pytest

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.encoder import PositionMismatch, encode_fingerprint
from models.fingerprint.formats import Record, View, iso2005
from models.fingerprint.matcher import compare
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position, ReasonCode, Severity


def test_a_record_becomes_a_template_that_matches_its_mate() -> None:
    first, second, other = (
        encode_fingerprint(synthetic_template(finger, number, Position.RIGHT_INDEX), None).templates[0]
        for finger, number in ((1, 0), (1, 1), (2, 0))
    )
    assert first.position is Position.RIGHT_INDEX
    assert compare(first, second) > 0.2 > compare(first, other)


@pytest.mark.parametrize(
    ("declared", "recorded", "agreed"),
    [
        (None, Position.LEFT_RING, Position.LEFT_RING),
        (Position.UNKNOWN, Position.LEFT_RING, Position.LEFT_RING),
        (Position.LEFT_RING, Position.UNKNOWN, Position.LEFT_RING),
        (Position.LEFT_RING, Position.LEFT_RING, Position.LEFT_RING),
        (None, Position.UNKNOWN, Position.UNKNOWN),
    ],
)
def test_sender_and_record_agree_on_the_finger(declared: Position | None, recorded: Position, agreed: Position) -> None:
    assert encode_fingerprint(synthetic_template(1, 0, recorded), declared).templates[0].position is agreed


def test_a_different_finger_is_refused() -> None:
    with pytest.raises(PositionMismatch, match="right-thumb"):
        encode_fingerprint(synthetic_template(1, 0, Position.LEFT_RING), Position.RIGHT_THUMB)


def views_of(*finger_seeds: int) -> tuple[View, ...]:
    records = (iso2005.read_record(synthetic_template(seed, 0, Position.RIGHT_INDEX)) for seed in finger_seeds)
    return tuple(record.views[0] for record in records)


def test_every_usable_view_becomes_a_template() -> None:
    first, second = views_of(1, 2)
    sparse = View(first.position, 1, 0, 0, first.minutiae[:5])
    sample = encode_fingerprint(iso2005.write_record(Record((first, sparse, second), 400, 500, 197, 197)), None)
    assert sample.assessment.accepted
    assert [len(template.minutiae) for template in sample.templates] == [len(first.minutiae), len(second.minutiae)]


def record_of(*views: View) -> bytes:
    return iso2005.write_record(Record(views, 400, 500, 197, 197))


def part_of(view: View, count: int, position: Position | None = None, number: int = 0) -> View:
    return View(position or view.position, number, 0, 0, view.minutiae[:count])


@pytest.mark.parametrize(
    ("count", "at_a_check", "at_an_enrolment"),
    [(0, "refused", "refused"), (5, "refused", "refused"), (6, "warned", "refused"), (30, "good", "good")],
)
def test_too_few_minutiae(count: int, at_a_check: str, at_an_enrolment: str) -> None:
    (whole,) = views_of(1)
    for enrolling, verdict in ((False, at_a_check), (True, at_an_enrolment)):
        sample = encode_fingerprint(record_of(part_of(whole, count)), None, enrolling=enrolling)
        assert sample.assessment.accepted is bool(sample.templates) is (verdict != "refused")
        assert bool(sample.assessment.reasons) is (verdict != "good")
        if verdict != "good":
            assert sample.assessment.reasons[0].code is ReasonCode.TOO_FEW_MINUTIAE
            assert "capture" in sample.assessment.reasons[0].hint


def test_a_corner_of_a_finger_is_compared_but_not_enrolled() -> None:
    (whole,) = views_of(1)
    corner = View(whole.position, 0, 0, 0, tuple(m for m in whole.minutiae if m.x < 190 and m.y < 240))
    at_a_check = encode_fingerprint(record_of(corner), None)
    assert at_a_check.assessment.accepted
    assert {reason.severity for reason in at_a_check.assessment.reasons} == {Severity.WARNING}
    (mate,) = encode_fingerprint(synthetic_template(1, 1, Position.RIGHT_INDEX), None).templates
    assert compare(at_a_check.templates[0], mate) > 0
    enrolled = encode_fingerprint(record_of(corner), None, enrolling=True)
    assert not enrolled.templates
    assert {reason.severity for reason in enrolled.assessment.reasons} == {Severity.REFUSED}


@pytest.mark.parametrize("enrolling", [False, True])
def test_minutiae_that_repeat_one_another_are_refused(enrolling: bool) -> None:
    (whole,) = views_of(1)
    record = record_of(View(whole.position, 0, 0, 0, whole.minutiae[:10] * 3))
    sample = encode_fingerprint(record, None, enrolling=enrolling)
    assert sample.templates == ()
    assert sample.assessment.reasons[0].code is ReasonCode.DUPLICATE_MINUTIAE


def test_a_poor_view_beside_a_good_one_of_the_same_finger_is_not_enrolled() -> None:
    good, _ = views_of(1, 2)
    record = record_of(good, part_of(good, 8, number=1))
    at_a_check = encode_fingerprint(record, None)
    assert [len(template.minutiae) for template in at_a_check.templates] == [len(good.minutiae), 8]
    enrolled = encode_fingerprint(record, None, enrolling=True)
    assert [len(template.minutiae) for template in enrolled.templates] == [len(good.minutiae)]
    assert at_a_check.assessment.reasons == enrolled.assessment.reasons == ()


@pytest.mark.parametrize("enrolling", [False, True])
def test_a_finger_without_a_usable_view_beside_another_finger_is_warned_of(enrolling: bool) -> None:
    good, other = views_of(1, 2)
    record = record_of(good, part_of(other, 5, Position.LEFT_THUMB))
    sample = encode_fingerprint(record, None, enrolling=enrolling)
    assert sample.assessment.accepted
    assert [template.position for template in sample.templates] == [Position.RIGHT_INDEX]
    assert [(r.code, r.severity) for r in sample.assessment.reasons] == [
        (ReasonCode.TOO_FEW_MINUTIAE, Severity.WARNING)
    ]


def test_the_resolution_of_the_record_does_not_change_the_template() -> None:
    (view,) = views_of(1)
    doubled = tuple(minutia._replace(x=2 * minutia.x, y=2 * minutia.y) for minutia in view.minutiae)
    fine = View(view.position, 0, 0, 0, doubled)
    coarse_record, fine_record = Record((view,), 400, 500, 197, 197), Record((fine,), 800, 1000, 394, 394)
    assert encode_fingerprint(iso2005.write_record(coarse_record), None) == encode_fingerprint(
        iso2005.write_record(fine_record), None
    )


def misstated(resolution: int, finger: int = 1, impression: int = 0) -> bytes:
    """A record of 500 pixels an inch that states another resolution, in pixels a centimetre."""
    record = iso2005.read_record(synthetic_template(finger, impression, Position.RIGHT_INDEX))
    return iso2005.write_record(replace(record, x_resolution=resolution, y_resolution=resolution))


@pytest.mark.parametrize("stated", [99, 394, 700])
def test_a_wrong_resolution_is_warned_of_and_can_be_put_right(stated: int) -> None:
    (mate,) = encode_fingerprint(synthetic_template(1, 1, Position.RIGHT_INDEX), None).templates
    believed = encode_fingerprint(misstated(stated), None)
    assert believed.assessment.reasons
    repaired = encode_fingerprint(misstated(stated), None, assume_ppi=500)
    assert repaired == encode_fingerprint(misstated(197), None)
    assert compare(repaired.templates[0], mate) > 0.2
    assert all(compare(template, mate) < 0.13 for template in believed.templates)


def test_a_resolution_that_no_scanner_has_can_be_put_right() -> None:
    with pytest.raises(MalformedTemplate, match="resolution"):
        encode_fingerprint(misstated(60), None)
    assert encode_fingerprint(misstated(60), None, assume_ppi=500).templates


@pytest.mark.parametrize("ppi", [0, -500, 100, 5000])
def test_an_assumed_resolution_must_be_of_a_scanner(ppi: int) -> None:
    with pytest.raises(ValueError, match="pixels an inch"):
        encode_fingerprint(misstated(197), None, assume_ppi=ppi)


def test_bad_bytes_raise_the_error_of_the_format() -> None:
    with pytest.raises(MalformedTemplate):
        encode_fingerprint(synthetic_template(1, 0, Position.UNKNOWN)[:-1], None)
    with pytest.raises(UnsupportedTemplate):
        encode_fingerprint(b"GIF89a" + bytes(40), None)
