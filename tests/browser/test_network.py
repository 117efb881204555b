"""Pages ask nobody else for anything, keep to their policy, and follow the queue without asking over and over."""

from __future__ import annotations

import re

from tests.browser.desk import DISCREET, Desk


def test_no_page_asks_another_host(desk: Desk) -> None:
    flag = desk.flag()
    asked: list[str] = []
    with desk.visitor("xa/ada") as ada:
        ada.page.on("request", lambda request: asked.append(request.url))
        for path in ("/sign-in", "/review", flag, "/review/requests", "/account", "/nothing-here"):
            ada.open(path)
    assert len(asked) > 20
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {desk.host}


def test_a_request_to_another_host_would_be_noticed(desk: Desk) -> None:
    with desk.visitor() as somebody:
        somebody.open("/sign-in")
        somebody.page.evaluate("new Image().src = 'http://192.0.2.1/pixel.png'")
        somebody.page.wait_for_timeout(200)
    assert any("192.0.2.1" in each for each in desk.wrong)
    desk.wrong.clear()


def test_scripts_from_text_are_refused(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open("/review")
        refused = (
            "(text) => { try { document.createElement('script').text = text; return false } catch { return true } }"
        )
        assert ada.page.evaluate(refused, "alert(1)") is True
        assert ada.page.evaluate("typeof htmx.version") == "string"
    desk.wrong.clear()  # the browser has said so


def test_a_new_flag_comes_into_the_open_queue_by_itself(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open("/review")
        ada.page.wait_for_timeout(1500)  # until the stream has heard how the queue stands
        asked: list[str] = []
        ada.page.on("request", lambda request: asked.append(request.url))
        flag = desk.flag()
        ada.page.locator(f"a[href='{flag}']").wait_for()
        assert [url for url in asked if "/review/flags" in url] == []
        assert len([url for url in asked if re.search(r"/review/list(\?|$)", url)]) <= 2


def test_a_first_verdict_is_told_to_nobody(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor("xa/bo") as bo, desk.visitor("xa/ada") as ada:
        bo.open("/review")
        bo.page.wait_for_timeout(1500)
        asked: list[str] = []
        bo.page.on("request", lambda request: asked.append(request.url))
        ada.open(flag).say("Same person", "The whorl.")
        bo.page.wait_for_timeout(3500)
        assert asked == []


def test_the_terminal_hears_nothing_of_a_silent_alarm_that_the_queue_shows(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open("/review")
        before = ada.page.get_by_role("row").filter(has_text="Silent alarm").count()
        assert desk.check(DISCREET)["candidates"] == []
        ada.open("/review")
        assert ada.page.get_by_role("row").filter(has_text="Silent alarm").count() == before + 1
