import pytest

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint.encoder import PositionMismatch, encode_fingerprint
from models.fingerprint.formats import Record, View, iso2005
from models.fingerprint.matcher import compare
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position, ReasonCode


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


@pytest.mark.parametrize(("count", "accepted"), [(0, False), (5, False), (6, True)])
def test_too_few_minutiae_are_refused_with_a_hint(count: int, accepted: bool) -> None:
    (whole,) = views_of(1)
    view = View(whole.position, 0, 0, 0, whole.minutiae[:count])
    sample = encode_fingerprint(iso2005.write_record(Record((view,), 400, 500, 197, 197)), None)
    assert sample.assessment.accepted is accepted
    assert bool(sample.templates) is accepted
    if not accepted:
        assert sample.assessment.reasons[0].code is ReasonCode.TOO_FEW_MINUTIAE
        assert "capture" in sample.assessment.reasons[0].hint


def test_the_resolution_of_the_record_does_not_change_the_template() -> None:
    (view,) = views_of(1)
    doubled = tuple(minutia._replace(x=2 * minutia.x, y=2 * minutia.y) for minutia in view.minutiae)
    fine = View(view.position, 0, 0, 0, doubled)
    coarse_record, fine_record = Record((view,), 400, 500, 197, 197), Record((fine,), 800, 1000, 394, 394)
    assert encode_fingerprint(iso2005.write_record(coarse_record), None) == encode_fingerprint(
        iso2005.write_record(fine_record), None
    )


def test_bad_bytes_raise_the_error_of_the_format() -> None:
    with pytest.raises(MalformedTemplate):
        encode_fingerprint(synthetic_template(1, 0, Position.UNKNOWN)[:-1], None)
    with pytest.raises(UnsupportedTemplate):
        encode_fingerprint(b"GIF89a" + bytes(40), None)
