"""The stored encoding of templates and subjects."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.samples import Position
from tests.watchlists.makers import face, finger
from watchlists.records import FaceTemplate, Subject, Templates
from watchlists.templates import pack_subject, pack_templates, unpack_subject, unpack_templates

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


@given(st.builds(Subject, texts, texts, st.none() | st.dates(), texts, st.lists(st.text(max_size=9)).map(tuple)))
def test_subjects_survive(subject: Subject) -> None:
    assert unpack_subject(pack_subject(subject)) == subject


def test_a_subject_does_not_show_in_messages() -> None:
    assert "Doe" not in repr(Subject("Doe", "Jo", date(1970, 1, 1), "XB", ("P1",)))
