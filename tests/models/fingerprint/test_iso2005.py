import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, MalformedTemplate, UnsupportedTemplate
from models.fingerprint import formats
from models.fingerprint.formats import Format, Record, RecordMinutia, View, iso2005
from models.samples import Position

MINUTIA = bytes.fromhex("4064 000e 50 5a")  # an ending at (100, 14), 80 units, quality 90


def record_bytes(views: bytes, count: int, *, size: tuple[int, int] = (512, 512), dpcm: int = 197) -> bytes:
    header = struct.pack(">HHHHHBB", 0x00B5, *size, dpcm, dpcm, count, 0)
    return b"FMR\0 20\0" + struct.pack(">I", 24 + len(views)) + header[:10] + header[10:] + views


VIEW = bytes.fromhex("07 00 5a 01") + MINUTIA + b"\0\0"
SAMPLE = record_bytes(VIEW, 1)


def test_fields_are_read_where_the_standard_puts_them() -> None:
    record = formats.read_record(SAMPLE)
    assert (record.width, record.height, record.x_resolution, record.y_resolution) == (512, 512, 197, 197)
    assert (record.certification, record.device) == (0, 181)
    minutia = RecordMinutia(kind=1, x=100, y=14, angle=80, quality=90)
    assert record.views == (View(Position.LEFT_INDEX, 0, 0, 90, (minutia,)),)


def test_several_views_and_their_extended_data_are_kept() -> None:
    second = bytes.fromhex("02 31 64 01") + MINUTIA + bytes.fromhex("0005 ffff ff01 02")
    record = formats.read_record(record_bytes(VIEW + second, 2))
    assert [view.position for view in record.views] == [Position.LEFT_INDEX, Position.RIGHT_INDEX]
    assert (record.views[1].number, record.views[1].impression) == (3, 1)
    assert record.views[1].extended == bytes.fromhex("ffffff0102")


def test_zero_padding_after_the_record_is_accepted() -> None:
    assert formats.read_record(SAMPLE + bytes(100)) == formats.read_record(SAMPLE)


@pytest.mark.parametrize("length", range(len(SAMPLE)))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises(MalformedTemplate) as caught:
        formats.read_record(SAMPLE[:length])
    assert caught.value.offset <= length


@pytest.mark.parametrize(
    ("damaged", "offset"),
    [
        (SAMPLE + b"\0\x01", len(SAMPLE)),
        (SAMPLE[:8] + struct.pack(">I", len(SAMPLE) - 1) + SAMPLE[12:], 34),  # cuts into the last field
        (record_bytes(VIEW + b"\x01", 1), 24 + len(VIEW)),
        (record_bytes(VIEW, 2), 24 + len(VIEW)),
        (record_bytes(VIEW, 0), 22),
        (record_bytes(VIEW, 1, dpcm=0), 18),
        (record_bytes(b"\x0b" + VIEW[1:], 1), 24),
        (record_bytes(VIEW[:3] + b"\xff" + VIEW[4:], 1), 27),
        (record_bytes(VIEW[:4] + b"\xc0" + VIEW[5:], 1), 28),
        (record_bytes(VIEW[:6] + b"\x40" + VIEW[7:], 1), 30),
        (record_bytes(VIEW, 1, size=(100, 512)), 28),
        (record_bytes(VIEW, 1, size=(512, 14)), 30),
        (record_bytes(VIEW[:-2] + b"\x00\x01", 1), 34),
    ],
)
def test_a_wrong_field_is_named_by_its_offset(damaged: bytes, offset: int) -> None:
    with pytest.raises(MalformedTemplate) as caught:
        formats.read_record(damaged)
    assert caught.value.offset == offset


def test_an_image_of_unknown_size_bounds_nothing() -> None:
    assert len(formats.read_record(record_bytes(VIEW, 1, size=(0, 0))).views[0].minutiae) == 1


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("464d5200 20323000 00000154", Format.ISO_2005),
        ("464d5200 20323000 00190000", Format.ISO_2005),
        ("464d5200 20323000 001a0042", Format.ANSI_2004),
        ("464d5200 20323000 01540042", Format.ANSI_2004),
        ("464d5200 20323000 00000001", Format.ANSI_2004),  # a length of six bytes
        ("464d5200 30323000 01540042", Format.ANSI_2004),
        ("464d5200 30333000 00000040 0001 00 00000031", Format.ISO_2011),  # 64 bytes, one view of 49
        ("464d5200 30333000 0000016b 0042 0011 00 00b5 02", Format.ANSI_2009),
        ("464d5200 30333500 00000172", Format.ANSI_2009_AMENDMENT_1),
    ],
)
def test_formats_are_told_apart_by_content(head: str, expected: Format) -> None:
    assert formats.identify(bytes.fromhex(head)) is expected


@pytest.mark.parametrize("other", [b"\x89PNG\r\n\x1a\n" + bytes(30), b"hello", b"FMR\x00 19\x00" + bytes(30), b"FMRX"])
def test_other_bytes_are_not_taken_for_a_record(other: bytes) -> None:
    with pytest.raises(UnsupportedTemplate):
        formats.read_record(other)


minutiae = st.builds(
    RecordMinutia, st.integers(0, 2), st.integers(0, 511), st.integers(0, 511), st.integers(0, 255), st.integers(0, 255)
)
views = st.builds(
    View,
    st.sampled_from(Position),
    st.integers(0, 15),
    st.integers(0, 15),
    st.integers(0, 255),
    st.lists(minutiae, max_size=255).map(tuple),
    st.binary(max_size=40),
)
records = st.builds(
    Record,
    st.lists(views, min_size=1, max_size=5).map(tuple),
    st.just(512),
    st.just(512),
    st.integers(1, 0xFFFF),
    st.integers(1, 0xFFFF),
    st.integers(0, 15),
    st.integers(0, 0xFFF),
)


@given(records)
def test_round_trip_is_exact(record: Record) -> None:
    assert formats.read_record(iso2005.write_record(record)) == record


@given(records, st.data())
def test_a_damaged_record_is_read_or_refused_but_never_crashes(record: Record, data: st.DataObject) -> None:
    damaged = bytearray(iso2005.write_record(record))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = formats.read_record(bytes(damaged))
    except InvalidInput:
        return
    assert formats.read_record(iso2005.write_record(again)) == again


@pytest.mark.parametrize(
    "view",
    [
        View(Position.UNKNOWN, 16, 0, 0, ()),
        View(Position.UNKNOWN, 0, 16, 0, ()),
        View(Position.UNKNOWN, 0, 0, 256, ()),
        View(Position.UNKNOWN, 0, 0, 0, (RecordMinutia(3, 0, 0, 0, 0),)),
        View(Position.UNKNOWN, 0, 0, 0, (RecordMinutia(1, 1 << 14, 0, 0, 0),)),
        View(Position.UNKNOWN, 0, 0, 0, (RecordMinutia(1, 0, 0, 0, 0),) * 256),
        View(Position.UNKNOWN, 0, 0, 0, (), bytes(65536)),
    ],
)
def test_values_that_do_not_fit_are_not_written(view: View) -> None:
    with pytest.raises(ValueError, match=r"fit|hold|type"):
        iso2005.write_record(Record((view,), 512, 512, 197, 197))
