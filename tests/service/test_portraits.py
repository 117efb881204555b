"""Portraits and authors of entries, as owners send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.images import decode_image
from service.commands.portraits import ENROLLED, OTHER
from tests.service.node import Node, NodeMaker, entry, face
from tests.service.scene import Scene, path_of
from tests.service.test_privacy import stored_bytes
from watchlists.portraits import Portraits
from watchlists.records import EntryKey

E1 = EntryKey("xb-alerts", "E-1")
JPEG = b"\xff\xd8\xff"


def kept(node: Node, key: EntryKey = E1) -> Portraits:
    return node.runtime.store.samples(key).portraits


def read(node: Node, name: str = "E-1") -> dict[str, Any]:
    found: dict[str, Any] = node.call("xb-sync", "GET", path_of(name)).json()
    return found


def test_a_portrait_of_each_face_is_kept_unless_its_owner_leaves_it_out(
    scene: Scene, portraits: dict[str, bytes]
) -> None:
    faces = [face(portraits[ENROLLED]), face(portraits[OTHER]) | {"keep_portrait": False}]
    scene.enrol(faces=faces)
    first, second = kept(scene.node)
    assert first is not None
    assert max(decode_image(first.jpeg).shape) <= 480
    assert second is None
    assert (read(scene.node)["face_templates"], read(scene.node)["portraits"]) == (2, 1)


def test_it_can_be_left_out_later_and_goes_with_the_entry(scene: Scene, portraits: dict[str, bytes]) -> None:
    scene.enrol(faces=[face(portraits[ENROLLED])])
    again = scene.put(faces=[face(portraits[ENROLLED])])
    assert again.json()["status"] == "unchanged"
    scene.enrol(faces=[face(portraits[ENROLLED]) | {"keep_portrait": False}])
    assert kept(scene.node) == ()


def test_lines_of_an_import_keep_portraits_and_authors_too(scene: Scene, portraits: dict[str, bytes]) -> None:
    results = scene.import_lines("xb", {"E-1": entry(portrait=portraits[ENROLLED], author="xb/m.ortega")})
    assert [result["status"] for result in results] == ["created"]
    assert len(kept(scene.node)) == 1
    assert read(scene.node)["author"] == "xb/m.ortega"


def test_nothing_of_a_portrait_is_legible_on_disk_or_in_an_answer(scene: Scene, portraits: dict[str, bytes]) -> None:
    scene.enrol(faces=[face(portraits[ENROLLED])])
    (portrait,) = kept(scene.node)
    assert portrait is not None
    assert portrait.jpeg[:3] == JPEG
    disk = stored_bytes(scene.node.home)
    assert [
        part for part in (portrait.jpeg[:60], portrait.jpeg[5000:5040], b"JFIF", b"landmarks") if part in disk
    ] == []
    assert len(json.dumps(read(scene.node))) < 4000


def test_a_node_that_keeps_no_portraits_keeps_none(make_node: NodeMaker, portraits: dict[str, bytes]) -> None:
    node = make_node(keep_portraits=False)
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED])
    assert kept(node) == ()
    assert read(node)["portraits"] == 0


def test_the_author_is_the_caller_unless_the_owner_names_somebody(scene: Scene) -> None:
    scene.enrol()
    assert read(scene.node)["author"] == "xb/xb-sync"
    scene.enrol(author="xb/m.ortega", contested=True)
    assert read(scene.node)["author"] == "xb/m.ortega"


@pytest.mark.parametrize("author", ["m.ortega", "XB/maria", "xb/", "xb/m ortega", "xb/a/b", 5])
def test_an_author_is_a_partner_and_a_name(scene: Scene, author: object) -> None:
    response = scene.put(author=author)
    assert response.status_code == 422
    assert "author" in response.text


def test_others_never_see_the_author(scene: Scene) -> None:
    scene.enrol(author="xb/m.ortega")
    answer = scene.send(purpose="border-check")
    assert answer.json()["candidates"]
    assert "ortega" not in answer.text
