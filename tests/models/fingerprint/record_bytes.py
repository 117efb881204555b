"""Minutiae records of every edition, laid out here byte by byte from the standards and not with the product's writers.

`random_record` gives the bytes of a random valid record and what reading them must give.
"""

from __future__ import annotations

import struct
from random import Random

from models.fingerprint.formats import Capture, Format, Record, RecordMinutia, Sampling, View
from models.fingerprint.formats.record import NOT_REPORTED, Certification, QualityBlock
from models.samples import Position

RECORDS = (Format.ISO_2005, Format.ISO_2011, Format.ANSI_2004, Format.ANSI_2009, Format.ANSI_2009_AMENDMENT_1)
WRITTEN = (Format.ISO_2005, Format.ISO_2011)
SINCE_2009 = (Format.ISO_2011, Format.ANSI_2009, Format.ANSI_2009_AMENDMENT_1)
GROUP_CODES = (13, 14, 15, 40, 45, 50)


def u8(*values: int) -> bytes:
    return bytes(values)


def u16(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def u32(value: int) -> bytes:
    return struct.pack(">I", value)


def minutia_bytes(minutia: RecordMinutia, with_quality: bool = True) -> bytes:
    laid_out = u16(minutia.kind * 0x4000 + minutia.x, minutia.y) + u8(minutia.angle)
    return laid_out + u8(minutia.quality) if with_quality else laid_out


def tail_bytes(view: View, with_quality: bool = True) -> bytes:
    """Number of minutiae, minutiae, extended data: the end of a view in every edition."""
    minutiae = b"".join(minutia_bytes(minutia, with_quality) for minutia in view.minutiae)
    return u8(len(view.minutiae)) + minutiae + u16(len(view.extended)) + view.extended


def iso2005_bytes(record: Record) -> bytes:
    views = b"".join(map(view_before_2009, record.views))
    header = u16(record.certification * 0x1000 + record.device, record.width, record.height)
    header += u16(record.x_resolution, record.y_resolution) + u8(len(record.views), 0)
    return b"FMR\0 20\0" + u32(24 + len(views)) + header + views


def ansi2004_bytes(record: Record, *, version: bytes = b" 20\0", short_by: int = 0, long_length: bool = False) -> bytes:
    views = b"".join(map(view_before_2009, record.views))
    header = u16(record.product_owner, record.product_type, record.certification * 0x1000 + record.device)
    header += u16(record.width, record.height, record.x_resolution, record.y_resolution) + u8(len(record.views), 0)
    total = 26 + len(views) - short_by
    length = u16(0) + u32(total + 4) if long_length or total > 0xFFFF else u16(total)
    return b"FMR\0" + version + length + header + views


def view_before_2009(view: View) -> bytes:
    return u8(view.position.code, view.number * 16 + view.impression, view.quality) + tail_bytes(view)


def ansi2009_bytes(record: Record, *, short_by: int = 0) -> bytes:
    views = b"".join(map(view_of_ansi2009, record.views))
    header = u16(record.product_owner, record.product_type) + u8(record.certification) + u16(record.device)
    version = b"030\0" if record.format is Format.ANSI_2009 else b"035\0"
    return b"FMR\0" + version + u32(21 + len(views) - short_by) + header + u8(len(record.views), 0) + views


def view_of_ansi2009(view: View) -> bytes:
    assert view.capture is not None
    ((score, vendor, algorithm),) = view.capture.qualities
    header = u8(view.group or view.position.code, view.number, view.impression, score) + u16(vendor, algorithm)
    return header + u16(*view.capture.sampling) + tail_bytes(view)


def iso2011_bytes(record: Record) -> bytes:
    views = b"".join(view_of_iso2011(view, record.certification) for view in record.views)
    return b"FMR\x00030\0" + u32(15 + len(views)) + u16(len(record.views)) + u8(record.certification) + views


def view_of_iso2011(view: View, certified: int) -> bytes:
    capture = view.capture
    assert capture is not None
    parts = [capture.moment, u8(capture.technology), u16(capture.vendor, capture.device), u8(len(capture.qualities))]
    parts += [u8(block.score) + u16(block.vendor, block.algorithm) for block in capture.qualities]
    if certified:
        parts.append(u8(len(capture.certifications)))
        parts += [u16(certificate.authority) + u8(certificate.scheme) for certificate in capture.certifications]
    width, height, x, y = capture.sampling
    parts += [u8(view.group or view.position.code, view.number), u16(x, y), u8(view.impression), u16(width, height)]
    parts += [u8((0x60 if capture.minutia_qualities else 0x50) + capture.ending_type)]
    body = b"".join(parts) + tail_bytes(view, capture.minutia_qualities)
    return u32(4 + len(body)) + body


def record_bytes(record: Record) -> bytes:
    """The bytes of a record in its own format."""
    if record.format is Format.ISO_2005:
        return iso2005_bytes(record)
    if record.format is Format.ISO_2011:
        return iso2011_bytes(record)
    return ansi2004_bytes(record) if record.format is Format.ANSI_2004 else ansi2009_bytes(record)


def random_record(random: Random, edition: Format, *, extended: bool = True) -> Record:
    """A random record that the edition allows; with `extended`, views carry arbitrary extended data."""
    certified = random.randrange(2)
    sampling = random_sampling(random)
    views = tuple(random_view(random, edition, sampling, certified, extended) for _ in range(random.randint(1, 3)))
    owner, product = random.randrange(0x10000), random.randrange(0x10000)
    if edition is Format.ISO_2005:
        return Record(views, *sampling, random.randrange(16), random.randrange(0x1000))
    if edition is Format.ANSI_2004:
        return Record(views, *sampling, random.randrange(16), random.randrange(0x1000), owner, product, edition)
    if edition is Format.ISO_2011:
        return Record(views, certification=certified, format=edition)
    certification, device = random.randrange(256), random.randrange(0x10000)
    return Record(views, 0, 0, 0, 0, certification, device, owner, product, edition)


def random_sampling(random: Random) -> Sampling:
    sizes = random.choice([(0, 0), (400, 500), (1, 1), (0x4000, 0xFFFF), (512, 0)])
    return Sampling(*sizes, random.randint(99, 800), random.choice([197, 1, 0xFFFF]))


def random_view(random: Random, edition: Format, sampling: Sampling, certified: int, extended: bool) -> View:
    position, group = random.choice(list(Position)), 0
    number, impression, quality = random.randrange(16), random.randrange(16), random.randrange(256)
    capture = None
    if edition in SINCE_2009:
        number, impression = random.randrange(256), random.randrange(256)
        capture = random_capture(random, edition, quality, certified)
        sampling = capture.sampling
        quality = capture.qualities[0].score if capture.qualities else NOT_REPORTED
        if random.randrange(4) == 0:
            position, group = Position.UNKNOWN, random.choice(GROUP_CODES)
    angle_units = 256 if edition in WRITTEN else 180
    minutiae = [random_minutia(random, sampling, angle_units) for _ in range(random.choice([0, 1, 3, 7]))]
    if capture is not None and not capture.minutia_qualities:
        minutiae = [minutia._replace(quality=NOT_REPORTED) for minutia in minutiae]
    block = random.randbytes(random.choice([0, 0, 1, 11])) if extended else b""
    return View(position, number, impression, quality, tuple(minutiae), block, group, capture)


def random_minutia(random: Random, sampling: Sampling, angle_units: int) -> RecordMinutia:
    x = random.randrange(min(sampling.width or 0x4000, 0x4000))
    y = random.randrange(min(sampling.height or 0x4000, 0x4000))
    return RecordMinutia(random.randrange(3), x, y, random.randrange(angle_units), random.randrange(256))


def random_capture(random: Random, edition: Format, quality: int, certified: int) -> Capture:
    sampling = random_sampling(random)
    count = random.randrange(3) if edition is Format.ISO_2011 else 1
    scores = [quality, *(random.randrange(256) for _ in range(count))][:count]
    blocks = tuple(QualityBlock(score, random.randrange(0x10000), random.randrange(0x10000)) for score in scores)
    if edition is not Format.ISO_2011:
        return Capture(sampling, blocks)
    certificates = [Certification(random.randrange(0x10000), random.randrange(256)) for _ in range(random.randrange(3))]
    return Capture(
        sampling,
        blocks,
        moment=random.randbytes(9),
        technology=random.randrange(256),
        vendor=random.randrange(0x10000),
        device=random.randrange(0x10000),
        certifications=tuple(certificates) if certified else (),
        ending_type=random.randrange(16),
        minutia_qualities=random.randrange(2) == 1,
    )


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Damage a record in one of the ways that transport, tools and attackers do; `other` is a record to splice in."""
    damaged = bytearray(data)
    at = random.randrange(len(damaged) + 1)
    match random.randrange(7):
        case 0:
            for _ in range(random.randint(1, 8)):
                damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        case 1:
            damaged[random.randrange(len(damaged))] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
        case 2:
            del damaged[at:]
        case 3:
            del damaged[at : at + random.randint(1, 16)]
        case 4:
            damaged[at:at] = random.randbytes(random.randint(1, 16))
        case 5:
            damaged[at:] = other[random.randrange(len(other) + 1) :]
        case _:
            _change_a_length(random, damaged)
    return bytes(damaged) or b"\0"


def _change_a_length(random: Random, damaged: bytearray) -> None:
    """Lengths and counts sit in the header and anywhere behind it, in one, two or four bytes."""
    size = random.choice([1, 2, 4])
    at = random.choice([8, 10, 12, 15, 19, 22, 24, 27, random.randrange(len(damaged))])
    now = int.from_bytes(damaged[at : at + size])
    value = random.choice(
        [0, now + 1, now - 1, now + 2, now - 2, 2 * now, (1 << 8 * size) - 1, len(damaged), len(damaged) - at]
    )
    damaged[at : at + size] = (value % (1 << 8 * size)).to_bytes(size)
