"""Give a record of any format the units and fields of an edition that can be written.

What the target cannot hold is dropped where it does not matter to a comparison (extended data, capture details, who
wrote the record) and refused where it does.
"""

from __future__ import annotations

from dataclasses import replace

from models.fingerprint.formats.record import (
    NOT_REPORTED,
    Capture,
    Format,
    QualityBlock,
    Record,
    RecordMinutia,
    Sampling,
    View,
)

_CARD_RESOLUTION = 500
"""Pixels per centimetre for minutiae from a card of normal size: their 1000 is more than a finger scanner's."""

_CONTACTLESS_2005, _CONTACTLESS_2011 = 9, 24
_IMPRESSIONS_2011 = {9: 1, _CONTACTLESS_2011: _CONTACTLESS_2005}  # a vertical roll is a roll
_IMPRESSIONS_SINCE_2009 = range(20, 28)  # live-scan by sensor, contact or not; even codes plain, odd ones rolled


def to_iso2005(record: Record) -> Record:
    """Return the record as ISO/IEC 19794-2:2005 has it; angles are rounded to its units, extended data is dropped.

    Raises:
        ValueError: the views were captured at different resolutions, a view shows several fingers, or was captured in
            a way for which the edition has no code.
    """
    if record.format is Format.ISO_2005:
        return record
    if any(view.group for view in record.views):
        raise ValueError("a view of several fingers has no position code in this edition")
    record = _coarser(record)
    samplings = {record.sampling(view) for view in record.views}
    if len(samplings) != 1:
        raise ValueError("views of different sizes or resolutions do not fit one record of this edition")
    views = tuple(
        replace(
            view,
            impression=_impression_2005(view.impression, record.format),
            quality=_quality(view.quality, 0),
            minutiae=_minutiae(view, record.angle_units, 0),
            extended=b"",
            capture=None,
        )
        for view in record.views
    )
    return Record(views, *samplings.pop())


def to_iso2011(record: Record) -> Record:
    """Return the record as ISO/IEC 19794-2:2011 has it; angles are rounded to its units, extended data is dropped."""
    if record.format is Format.ISO_2011:
        return record
    record = _coarser(record)
    return Record(tuple(_view_2011(record, view) for view in record.views), format=Format.ISO_2011)


def _view_2011(record: Record, view: View) -> View:
    qualities: tuple[QualityBlock, ...] = ()
    if view.capture is not None:
        qualities = view.capture.qualities
    elif record.format in (Format.ISO_2005, Format.ANSI_2004):
        qualities = (QualityBlock(view.quality, 0, 0),)
    impression = view.impression
    if impression == _CONTACTLESS_2005 and view.capture is None:
        impression = _CONTACTLESS_2011
    return replace(
        view,
        impression=impression,
        quality=qualities[0].score if qualities else NOT_REPORTED,
        minutiae=_minutiae(view, record.angle_units, NOT_REPORTED),
        extended=b"",
        capture=Capture(record.sampling(view), qualities, device=record.device),
    )


def _minutiae(view: View, units: int, unreported: int) -> tuple[RecordMinutia, ...]:
    return tuple(
        minutia._replace(
            angle=(512 * minutia.angle + units) // (2 * units) % 256,  # rounded to the nearest of 256 units
            quality=_quality(minutia.quality, unreported) or unreported,
        )
        for minutia in view.minutiae
    )


def _quality(quality: int, unreported: int) -> int:
    return quality if quality <= 100 else unreported


def _impression_2005(impression: int, source: Format) -> int:
    if source is Format.ISO_2011 and impression in _IMPRESSIONS_2011:
        return _IMPRESSIONS_2011[impression]
    if impression in _IMPRESSIONS_SINCE_2009:
        return impression % 2
    if impression > 0xF:
        raise ValueError(f"impression type {impression} has no code in this edition")
    return impression


def _coarser(record: Record) -> Record:
    """Bring minutiae of a card of normal size to a resolution that a scanner can have."""
    if record.format is not Format.ISO_2005_CARD_NORMAL:
        return record
    scale = record.x_resolution // _CARD_RESOLUTION
    (view,) = record.views
    minutiae = tuple(minutia._replace(x=minutia.x // scale, y=minutia.y // scale) for minutia in view.minutiae)
    sampling = Sampling(0, 0, _CARD_RESOLUTION, _CARD_RESOLUTION)
    return replace(record, views=(replace(view, minutiae=minutiae),), **sampling._asdict())
