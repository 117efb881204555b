"""A record of any format becomes one that can be written, with the same minutiae as far as the units allow."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fingerprint import formats
from models.fingerprint.formats import Capture, Format, Record, RecordMinutia, Sampling, View, convert
from models.fingerprint.formats.record import NOT_REPORTED, QualityBlock
from models.samples import Position
from tests.models.fingerprint.record_bytes import RECORDS, SINCE_2009, random_record

randoms = st.integers(0, 2**32 - 1).map(Random)


def degrees(record: Record) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    units = record.angle_units
    return np.array([minutia.angle * 360 / units for view in record.views for minutia in view.minutiae])


def check_same_minutiae(converted: Record, source: Record) -> None:
    apart = np.abs(degrees(converted) - degrees(source))
    assert np.all(np.minimum(apart, 360 - apart) <= 360 / 256 / 2)
    for after, before in zip(converted.views, source.views, strict=True):
        assert [m[:3] for m in after.minutiae] == [m[:3] for m in before.minutiae]
        assert (after.position, after.number) == (before.position, before.number)
        assert converted.sampling(after) == source.sampling(before)


@given(randoms, st.sampled_from(RECORDS))
def test_every_record_becomes_one_of_iso_2011(random: Random, edition: Format) -> None:
    source = random_record(random, edition)
    converted = convert.to_iso2011(source)
    assert formats.read_record(formats.write_record(converted)) == converted
    check_same_minutiae(converted, source)
    assert [view.group for view in converted.views] == [view.group for view in source.views]


@given(randoms, st.sampled_from(RECORDS))
def test_a_record_of_single_fingers_becomes_one_of_iso_2005(random: Random, edition: Format) -> None:
    source = random_record(random, edition)
    if edition in SINCE_2009:
        first = source.views[0]
        views = (replace(first, number=random.randrange(16), impression=random.choice([0, 3, 8, 20, 27]), group=0),)
        source = replace(source, views=views)
    converted = convert.to_iso2005(source)
    assert formats.read_record(formats.write_record(converted)) == converted
    check_same_minutiae(converted, source)


def view(edition: Format, impression: int = 0, quality: int = 50, x_resolution: int = 197) -> View:
    minutia = RecordMinutia(1, 10, 20, 45, quality)
    capture = Capture(Sampling(0, 0, x_resolution, 197), (QualityBlock(quality, 1, 2),))
    own_capture = capture if edition in SINCE_2009 else None
    return View(Position.LEFT_INDEX, 0, impression, quality, (minutia,), b"\1", capture=own_capture)


def record(edition: Format, *views: View) -> Record:
    sampling = Sampling(0, 0, 0, 0) if edition in SINCE_2009 else Sampling(0, 0, 197, 197)
    return Record(views, *sampling, format=edition)


def test_two_degrees_become_units_of_iso() -> None:
    source = record(Format.ANSI_2004, view(Format.ANSI_2004))
    for converted in (convert.to_iso2005(source), convert.to_iso2011(source)):
        assert converted.views[0].minutiae[0].angle == 64
        assert converted.views[0].extended == b""


@pytest.mark.parametrize(
    ("edition", "impression", "expected"),
    [
        (Format.ISO_2011, 8, 8),
        (Format.ISO_2011, 9, 1),
        (Format.ISO_2011, 24, 9),
        (Format.ANSI_2009, 20, 0),
        (Format.ANSI_2009, 23, 1),
        (Format.ANSI_2004, 9, 9),
    ],
)
def test_impression_types_keep_their_meaning(edition: Format, impression: int, expected: int) -> None:
    assert convert.to_iso2005(record(edition, view(edition, impression))).views[0].impression == expected


def test_contactless_impressions_have_another_code_since_2011() -> None:
    assert convert.to_iso2011(record(Format.ANSI_2004, view(Format.ANSI_2004, 9))).views[0].impression == 24


def test_quality_that_was_not_reported_stays_so() -> None:
    source = record(Format.ISO_2011, view(Format.ISO_2011, quality=NOT_REPORTED))
    converted = convert.to_iso2005(source)
    assert (converted.views[0].quality, converted.views[0].minutiae[0].quality) == (0, 0)
    older = record(Format.ISO_2005, view(Format.ISO_2005, quality=0))
    assert convert.to_iso2011(older).views[0].minutiae[0].quality == NOT_REPORTED


def test_a_record_of_the_edition_stays_as_it_is() -> None:
    older, newer = (record(edition, view(edition)) for edition in (Format.ISO_2005, Format.ISO_2011))
    assert convert.to_iso2005(older) is older
    assert convert.to_iso2011(newer) is newer


def test_what_iso_2005_cannot_say_is_refused() -> None:
    edition = Format.ISO_2011
    with pytest.raises(ValueError, match="resolutions"):
        convert.to_iso2005(record(edition, view(edition), view(edition, x_resolution=394)))
    with pytest.raises(ValueError, match="impression type 29"):
        convert.to_iso2005(record(edition, view(edition, impression=29)))
    group = replace(view(edition), position=Position.UNKNOWN, group=13)
    with pytest.raises(ValueError, match="several fingers"):
        convert.to_iso2005(record(edition, group))
