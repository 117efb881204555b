"""All record formats: read as `record_bytes` lays them out, written back exactly, refused with a reason if damaged."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint import formats
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.formats import Capture, Format, Record, RecordMinutia, Sampling, View, iso2005, iso2011
from models.fingerprint.formats.record import Certification, QualityBlock
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from tests.models.fingerprint.record_bytes import (
    RECORDS,
    SINCE_2009,
    WRITTEN,
    ansi2004_bytes,
    ansi2009_bytes,
    mutate,
    random_record,
    record_bytes,
)

randoms = st.integers(0, 2**32 - 1).map(Random)
editions = st.sampled_from(RECORDS)


def sample(edition: Format, seed: int = 0) -> Record:
    """A record with minutiae and extended data in its last view."""
    random = Random(seed)
    while True:
        record = random_record(random, edition)
        if len(record.views) == 2 and all(view.minutiae for view in record.views) and record.views[-1].extended:
            return record


def only(record: Record, **changes: Any) -> Record:
    """The record with its first view alone, changed."""
    return replace(record, views=(replace(record.views[0], **changes),))


@given(randoms, editions)
def test_a_record_is_read_as_the_standard_lays_it_out(random: Random, edition: Format) -> None:
    record = random_record(random, edition)
    laid_out = record_bytes(record)
    assert formats.identify(laid_out) is edition
    assert formats.read_record(laid_out) == record
    assert formats.read_record(laid_out + bytes(random.randrange(9))) == record


@given(randoms, st.sampled_from(WRITTEN))
def test_a_record_is_written_as_the_standard_lays_it_out(random: Random, edition: Format) -> None:
    record = random_record(random, edition)
    assert formats.write_record(record) == record_bytes(record)
    assert formats.read_record(formats.write_record(record)) == record


@given(randoms, editions, st.data())
def test_a_damaged_record_is_read_or_refused_by_its_format(
    random: Random, edition: Format, data: st.DataObject
) -> None:
    damaged = record_bytes(random_record(random, edition))
    for _ in range(random.randint(1, 4)):
        damaged = mutate(random, damaged, record_bytes(random_record(random, data.draw(editions))))
    try:
        record = formats.read_record(damaged)
    except (MalformedTemplate, UnsupportedTemplate):
        return
    assert formats.read_record(record_bytes(record)) == record


@given(st.binary(max_size=80), st.sampled_from([b" 20\0", b"020\0", b"030\0", b"035\0"]))
def test_noise_behind_a_header_is_read_or_refused_by_its_format(noise: bytes, version: bytes) -> None:
    unverified = b"FMR\0" + version + noise
    offset = 0
    try:
        formats.read_record(unverified)
    except MalformedTemplate as error:
        offset = error.offset
    except UnsupportedTemplate:
        pass
    assert 0 <= offset <= len(unverified)


@pytest.mark.parametrize("edition", RECORDS)
def test_every_truncation_is_refused(edition: Format) -> None:
    whole = record_bytes(sample(edition))
    for length in range(len(whole)):
        with pytest.raises(MalformedTemplate) as caught:
            formats.read_record(whole[:length])
        assert caught.value.offset <= length
        assert f"byte {caught.value.offset}: {caught.value.reason}" in caught.value.detail


@pytest.mark.parametrize("edition", RECORDS)
def test_bytes_that_follow_the_record_are_refused_where_they_begin(edition: Format) -> None:
    whole = record_bytes(sample(edition))
    with pytest.raises(MalformedTemplate, match="4 bytes follow the last finger view") as caught:
        formats.read_record(whole + b"\0\0\0\x07")
    assert caught.value.offset == len(whole)


@pytest.mark.parametrize("edition", RECORDS)
def test_extended_data_is_skipped_whatever_it_claims(edition: Format) -> None:
    record = sample(edition)
    for block in (b"", b"\xff" * 9, b"\0\1\xff\xff\0", b"\0\2\0\0" * 3, bytes(0xFFFF)):
        assert formats.read_record(record_bytes(only(record, extended=block))) == only(record, extended=block)


@pytest.mark.parametrize("edition", RECORDS)
def test_all_255_minutiae_of_a_view_are_read(edition: Format) -> None:
    record = sample(edition)
    full = only(record, minutiae=record.views[0].minutiae[:1] * 255)
    assert formats.read_record(record_bytes(full)) == full


@pytest.mark.parametrize("edition", RECORDS)
def test_the_record_gives_every_view_its_sampling(edition: Format) -> None:
    record = sample(edition)
    for view in formats.read_record(record_bytes(record)).views:
        own = view.capture.sampling if view.capture else Sampling(*record_sampling(record))
        assert record.sampling(view) == own
        assert (view.capture is not None) is (edition in SINCE_2009)


def record_sampling(record: Record) -> tuple[int, int, int, int]:
    return record.width, record.height, record.x_resolution, record.y_resolution


@pytest.mark.parametrize("edition", SINCE_2009)
@pytest.mark.parametrize("code", [13, 14, 15, *range(40, 51)])
def test_a_group_of_fingers_is_kept_and_its_position_is_unknown(edition: Format, code: int) -> None:
    record = only(sample(edition), position=Position.UNKNOWN, group=code)
    assert formats.read_record(record_bytes(record)) == record


def plain(edition: Format) -> Record:
    """A record of one view with one minutia and nothing else, so that every field is at a known offset."""
    minutia = RecordMinutia(kind=1, x=100, y=14, angle=80, quality=90)
    view = View(Position.LEFT_INDEX, 0, 0, 90, (minutia,))
    sampling = Sampling(512, 512, 197, 197)
    if edition in SINCE_2009:
        view = replace(view, capture=Capture(sampling, (QualityBlock(90, 6, 55),)))
        return Record((view,), format=edition)
    return Record((view,), *sampling, format=edition)


POSITION = {Format.ISO_2005: 24, Format.ANSI_2004: 26, Format.ANSI_2009: 21, Format.ISO_2011: 39}
POSITION[Format.ANSI_2009_AMENDMENT_1] = 21
MINUTIAE = {Format.ISO_2005: 28, Format.ANSI_2004: 30, Format.ANSI_2009: 38, Format.ISO_2011: 52}
MINUTIAE[Format.ANSI_2009_AMENDMENT_1] = 38


def patched(edition: Format, at: int, *values: int) -> bytes:
    laid_out = bytearray(record_bytes(plain(edition)))
    laid_out[at : at + len(values)] = values
    return bytes(laid_out)


@pytest.mark.parametrize("edition", RECORDS)
def test_palms_are_not_supported(edition: Format) -> None:
    with pytest.raises(UnsupportedTemplate, match="palm"):
        formats.read_record(patched(edition, POSITION[edition], 21))


@pytest.mark.parametrize("edition", RECORDS)
def test_a_wrong_field_of_a_view_is_named_by_its_offset(edition: Format) -> None:
    position, minutia = POSITION[edition], MINUTIAE[edition]
    wrong = [
        (position, (11,), position, "finger position code 11"),
        (position, (99,), position, "finger position code 99"),
        (minutia - 1, (2,), minutia - 1, "2 minutiae are claimed"),
        (minutia - 1, (255,), minutia - 1, "255 minutiae are claimed"),
        (minutia, (0xC0,), minutia, "type 3"),
        (minutia, (0x42, 0), minutia, "width"),
        (minutia + 2, (0x40,), minutia + 2, "reserved bits"),
        (minutia + 2, (2, 0), minutia + 2, "height"),
        (minutia + 6, (0, 1), minutia + 6, "1 bytes of extended data"),
        (minutia + 6, (0xFF, 0xFF), minutia + 6, "65535 bytes of extended data"),
    ]
    for at, values, offset, reason in wrong:
        with pytest.raises(MalformedTemplate, match=reason) as caught:
            formats.read_record(patched(edition, at, *values))
        assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("edition", "at", "values", "offset", "reason"),
    [
        (Format.ANSI_2004, 8, (0, 37), 8, "claims to end at byte 37, inside a view"),
        (Format.ANSI_2004, 8, (0, 33), 29, "1 minutiae are claimed"),
        (Format.ANSI_2004, 8, (0, 39), 8, "39 bytes long, but has 38"),
        (Format.ANSI_2004, 20, (0, 0), 20, "resolution is zero"),
        (Format.ANSI_2004, 22, (0, 0), 22, "resolution is zero"),
        (Format.ANSI_2004, 24, (0,), 24, "no finger view"),
        (Format.ANSI_2004, 24, (2,), 38, "ends inside a finger view header"),
        (Format.ANSI_2009, 11, (47,), 8, "47 bytes long, but has 46"),
        (Format.ANSI_2009, 11, (20,), 8, "shorter than its header"),
        (Format.ANSI_2009, 19, (0,), 19, "no finger view"),
        (Format.ANSI_2009, 33, (0, 0), 33, "resolution is zero"),
        (Format.ANSI_2009_AMENDMENT_1, 35, (0, 0), 35, "resolution is zero"),
        (Format.ISO_2011, 41, (0, 0), 41, "resolution is zero"),
        (Format.ISO_2011, 43, (0, 0), 43, "resolution is zero"),
        (Format.ISO_2011, 50, (0x40,), 50, "cannot take 4 bytes"),
        (Format.ISO_2011, 50, (0x70,), 50, "cannot take 7 bytes"),
        (Format.ISO_2011, 50, (0x50,), 57, "23040 bytes of extended data"),
        (Format.ISO_2011, 33, (6,), 33, "6 blocks are claimed"),
    ],
)
def test_a_wrong_field_of_one_edition_is_named_by_its_offset(
    edition: Format, at: int, values: tuple[int, ...], offset: int, reason: str
) -> None:
    with pytest.raises(MalformedTemplate, match=reason) as caught:
        formats.read_record(patched(edition, at, *values))
    assert caught.value.offset == offset


@pytest.mark.parametrize("edition", [Format.ANSI_2004, Format.ANSI_2009, Format.ISO_2005])
def test_a_reserved_octet_of_the_header_is_ignored(edition: Format) -> None:
    reserved = POSITION[edition] - 1
    assert formats.read_record(patched(edition, reserved, 7)) == plain(edition)


def test_the_long_length_of_ansi_2004_is_read() -> None:
    record = sample(Format.ANSI_2004)
    assert formats.read_record(ansi2004_bytes(record, long_length=True)) == record
    assert formats.read_record(ansi2004_bytes(record, version=b"020\0")) == record
    huge = replace(record, views=(replace(record.views[0], extended=bytes(0xFFFF)),) * 2)
    assert formats.read_record(ansi2004_bytes(huge)) == huge


@pytest.mark.parametrize("extended", [b"", b"\0\1\0\5\7", b"\0\1\0\4"])
def test_headers_counted_too_short_are_forgiven_by_that_much(extended: bytes) -> None:
    for lay_out, edition, shortfall in (
        (ansi2004_bytes, Format.ANSI_2004, 2),
        (ansi2009_bytes, Format.ANSI_2009, 1),
        (ansi2009_bytes, Format.ANSI_2009_AMENDMENT_1, 1),
    ):
        record = only(plain(edition), extended=extended)
        assert formats.read_record(lay_out(record, short_by=shortfall)) == record
        assert formats.read_record(lay_out(record, short_by=shortfall) + bytes(5)) == record
        for other in {1, 2, 3} - {shortfall}:
            with pytest.raises(MalformedTemplate):
                formats.read_record(lay_out(record, short_by=other))
        with pytest.raises(MalformedTemplate):
            formats.read_record(lay_out(record, short_by=shortfall) + b"\1")


@pytest.mark.parametrize("edition", [Format.ANSI_2004, Format.ANSI_2009, Format.ANSI_2009_AMENDMENT_1])
def test_angles_that_two_degrees_cannot_explain_are_taken_for_those_of_iso(edition: Format) -> None:
    angle = MINUTIAE[edition] + 4
    assert formats.read_record(patched(edition, angle, 179)).angle_units == 180
    assert formats.read_record(patched(edition, angle, 180)).angle_units == 256
    assert formats.read_record(patched(Format.ISO_2005, MINUTIAE[Format.ISO_2005] + 4, 179)).angle_units == 256


def test_the_lengths_of_the_views_tell_iso_2011_from_ansi_2009() -> None:
    # An ANSI record of product owner 1 whose header reads as an ISO one with one view, but for the lengths.
    ansi = replace(plain(Format.ANSI_2009), product_owner=1, device=40)
    laid_out = record_bytes(ansi)
    assert laid_out[12:19] == b"\0\1\0\0\0\0\x28"
    assert formats.read_record(laid_out) == ansi
    with pytest.raises(MalformedTemplate):
        formats.read_record(record_bytes(plain(Format.ISO_2011))[:-3] + b"\0\0\1")


def test_a_view_of_iso_2011_must_end_where_it_says() -> None:
    whole = record_bytes(plain(Format.ISO_2011))
    longer = whole[:8] + (61).to_bytes(4) + whole[12:15] + (46).to_bytes(4) + whole[19:] + b"\0"
    with pytest.raises(MalformedTemplate, match="1 bytes follow the extended data") as caught:
        formats.read_record(longer)
    assert caught.value.offset == 60


def test_a_record_cut_short_keeps_its_name() -> None:
    whole = record_bytes(sample(Format.ISO_2011))
    assert {formats.identify(whole[:length]) for length in range(19, len(whole))} == {Format.ISO_2011}


@pytest.mark.parametrize("edition", RECORDS)
def test_every_format_becomes_the_same_template(edition: Format) -> None:
    record = formats.read_record(synthetic_template(5, 0, Position.RIGHT_INDEX))
    (view,) = record.views
    sampling = record.sampling(view)
    if edition not in WRITTEN:  # angles that both units express exactly
        minutiae = tuple(minutia._replace(angle=minutia.angle % 4 * 45) for minutia in view.minutiae)
    else:
        minutiae = tuple(minutia._replace(angle=minutia.angle % 4 * 64) for minutia in view.minutiae)
    capture = Capture(sampling, (QualityBlock(0, 0, 0),)) if edition in SINCE_2009 else None
    turned = replace(view, minutiae=minutiae, capture=capture)
    other = Record((turned,), format=edition) if capture else Record((turned,), *sampling, format=edition)
    (template,) = encode_fingerprint(record_bytes(other), None).templates
    reference = replace(
        view, minutiae=tuple(minutia._replace(angle=minutia.angle % 4 * 64) for minutia in view.minutiae)
    )
    assert template == encode_fingerprint(record_bytes(Record((reference,), *sampling)), None).templates[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"capture": None},
        {"number": 256},
        {"impression": 256},
        {"quality": 91},
        {"group": 12, "position": Position.UNKNOWN},
        {"group": 13},
        {"capture": Capture(Sampling(512, 512, 0, 197), (QualityBlock(90, 6, 55),))},
        {"capture": Capture(Sampling(0x10000, 512, 197, 197), (QualityBlock(90, 6, 55),))},
        {"capture": Capture(Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 0x10000),))},
        {"capture": Capture(Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 55),), moment=b"")},
        {"capture": Capture(Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 55),), ending_type=16)},
        {"capture": Capture(Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 55),), minutia_qualities=False)},
        {"capture": Capture(Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 55),) * 256)},
        {
            "capture": Capture(
                Sampling(512, 512, 197, 197), (QualityBlock(90, 6, 55),), certifications=(Certification(1, 1),)
            )
        },
    ],
)
def test_what_iso_2011_cannot_hold_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fit"):
        iso2011.write_record(only(plain(Format.ISO_2011), **changes))


def test_records_are_written_in_their_own_format_only() -> None:
    for edition in RECORDS:
        for writer, own in ((iso2005.write_record, Format.ISO_2005), (iso2011.write_record, Format.ISO_2011)):
            if edition is own:
                assert formats.read_record(writer(plain(edition))) == plain(edition)
            else:
                with pytest.raises(ValueError, match="does not fit"):
                    writer(plain(edition))
    with pytest.raises(ValueError, match="zero"):
        iso2005.write_record(replace(plain(Format.ISO_2005), x_resolution=0))
    with pytest.raises(ValueError, match="capture details"):
        iso2005.write_record(only(plain(Format.ISO_2005), group=13))
    with pytest.raises(ValueError, match="1 to 65535 finger views"):
        iso2011.write_record(Record((), format=Format.ISO_2011))
