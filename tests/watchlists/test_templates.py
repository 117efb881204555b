"""The stored encoding of templates and details."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.samples import Position
from tests.watchlists.makers import face, finger
from watchlists.records import EntryKey, FaceTemplate, Link, LinkKind, Subject, Templates
from watchlists.templates import Details, pack_details, pack_templates, unpack_details, unpack_templates

ALL = Templates(
    (face(1), FaceTemplate("größer-2", np.ones(3, np.float32))), (finger(1), finger(2, 0, Position.UNKNOWN))
)
texts = st.none() | st.text(max_size=20)


@pytest.mark.parametrize("templates", [Templates(), Templates(ALL.faces), Templates(fingers=ALL.fingers), ALL])
def test_templates_survive(templates: Templates) -> None:
    assert unpack_templates(pack_templates(templates)) == templates


def test_vectors_are_kept_to_the_last_bit() -> None:
    vector = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    packed = pack_templates(Templates((FaceTemplate("m", vector),)))

    assert unpack_templates(packed).faces[0].vector.tobytes() == vector.tobytes()
    assert vector.astype("<f4").tobytes() in packed


def test_every_truncation_is_noticed() -> None:
    packed = pack_templates(ALL)
    for length in range(len(packed)):
        with pytest.raises(ValueError, match=r"templates? "):
            unpack_templates(packed[:length])


def test_another_version_is_refused() -> None:
    packed = pack_templates(ALL)
    with pytest.raises(ValueError, match="version"):
        unpack_templates(bytes([packed[0] + 1]) + packed[1:])


subjects = st.builds(Subject, texts, texts, st.none() | st.dates(), texts, st.lists(st.text(max_size=9)).map(tuple))
links = st.builds(Link, st.sampled_from(LinkKind), st.builds(EntryKey, st.text(max_size=9), st.text(max_size=9)))


@given(st.builds(Details, subjects, st.lists(links, max_size=3).map(tuple), st.none() | subjects))
def test_details_survive_and_equal_ones_give_equal_bytes(details: Details) -> None:
    packed = pack_details(details)
    unpacked = unpack_details(packed)
    assert unpacked == details
    assert pack_details(unpacked) == packed


def test_the_encoding_from_before_links_is_read_and_still_written() -> None:
    old = b'{"family_name":"Doe","given_names":null,"birth_date":"1970-01-01","nationality":"XB","documents":["P1"]}'
    details = Details(Subject("Doe", None, date(1970, 1, 1), "XB", ("P1",)))

    assert unpack_details(old) == details
    assert pack_details(details) == old


@pytest.mark.parametrize("links", ['[["cousin","w","e"]]', '[["same-person","w"]]'])
def test_links_of_an_unknown_kind_or_shape_are_refused(links: str) -> None:
    packed = pack_details(Details(Subject())).decode()
    with pytest.raises(ValueError, match=r"cousin|values"):
        unpack_details((packed[:-1] + f',"links":{links}}}').encode())


def test_details_do_not_show_in_messages() -> None:
    doe = Subject("Doe", "Jo", date(1970, 1, 1), "XB", ("P1",))
    shown = repr(Details(doe, (Link(LinkKind.SAME_PERSON, EntryKey("w", "Doe")),), doe))
    assert "Doe" not in shown
