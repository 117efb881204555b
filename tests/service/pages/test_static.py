"""What pages load: by content, kept for ever, and out of a wheel only as it is pinned."""

from __future__ import annotations

import hashlib

import pytest
from fastapi.testclient import TestClient

from service.pages.assets import CARRIED, AssetDamaged, Assets, _carried, load_assets
from tests.service.pages.pages import client_of_pages


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of_pages()


def test_the_path_of_a_file_changes_with_any_file() -> None:
    first, second = Assets({"a.js": b"1", "b.js": b"2"}), Assets({"a.js": b"1", "b.js": b"3"})
    assert first.url("a.js") != second.url("a.js")


def test_files_are_served_with_their_type_and_kept_for_ever(client: TestClient) -> None:
    assets = load_assets()
    for name, kind in {"site.css": "text/css", "site.js": "text/javascript", "mark.svg": "image/svg+xml"}.items():
        response = client.get(assets.url(name))
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_another_version_is_served_but_not_kept(client: TestClient) -> None:
    response = client.get("/static/0123456789abcdef/site.css")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "..%2Fapp.py", "%2e%2e", "templates"])
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{load_assets().version}/{name}").status_code == 404


def test_htmx_is_the_file_that_is_pinned(client: TestClient) -> None:
    for name, (_path, pinned) in CARRIED.items():
        assert hashlib.sha256(client.get(load_assets().url(name)).content).hexdigest() == pinned


def test_another_htmx_stops_the_start() -> None:
    path, _pinned = CARRIED["htmx.js"]
    with pytest.raises(AssetDamaged, match="not the file that is pinned"):
        _carried(path, "0" * 64)
    with pytest.raises(AssetDamaged, match="missing"):
        _carried("django_htmx/static/django_htmx/htmx-0.js", "0" * 64)
