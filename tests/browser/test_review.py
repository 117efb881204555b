"""Reviewers decide on flags, as they sit at the desk: with both factors, side by side, independently of each other."""

from __future__ import annotations

from tests.browser.desk import DISCREET, Desk
from tests.service.people import person


def test_two_reviewers_decide_on_a_face_and_a_finger(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor() as ada:
        ada.sign_in(person(desk.node, "xa/ada"))
        ada.page.locator(f"a[href='{flag}']").click()
        assert ada.says("2 reviewers have to say the same, independently of each other.")
        pictures = ada.page.locator("figure img")
        widths = [
            picture.evaluate("async (it) => (await it.decode(), it.naturalWidth)") for picture in pictures.all()[:2]
        ]
        assert widths == [336, 336]
        assert ada.page.locator("svg.beside .minutia-pair").count() > 8
        assert "Quillfeather" not in ada.text()
        ada.say("Same person", "The scar over the left eyebrow, and the whorl.")
        assert "Quillfeather" not in ada.text()
    with desk.visitor() as bo:
        bo.sign_in(person(desk.node, "xa/bo"))
        bo.open(flag)
        assert "The scar over the left eyebrow" not in bo.text()
        bo.say("Same person", "Ears and chin are the same.")
        assert bo.says("Released: what the agreement allows after review is shown below.")
        assert bo.says("Quillfeather")
        assert bo.says("inform-officer")
        assert bo.says("The scar over the left eyebrow, and the whorl.")


def test_a_third_settles_what_two_disagree_on(desk: Desk) -> None:
    flag = desk.flag()
    for name, verdict in (("xa/ada", "Same person"), ("xa/bo", "Different person")):
        with desk.visitor(name) as reviewer:
            reviewer.open(flag).say(verdict, f"{verdict}, says {name}.")
    with desk.visitor("xa/cy") as third:
        third.open(flag)
        assert third.says("The verdicts differ: one more reviewer decides")
        assert third.says("Different person, says xa/bo.")
        third.say("Different person", "The ridge ends where the other one forks.")
        assert third.says("Withheld: it was not confirmed, or the owner has refused.")
        assert "Quillfeather" not in third.text()
        third.open("/review?state=settled")
        assert third.page.locator(f"a[href='{flag}']").count() == 1


def test_a_discreet_check_never_shows_at_the_terminal(desk: Desk) -> None:
    answer = desk.check(DISCREET)
    assert (answer["outcome"], answer["candidates"], answer["flag_id"]) == ("no-candidates", [], None)
    with desk.visitor("xa/ada") as supervisor:
        supervisor.open("/review")
        supervisor.page.get_by_role("row").filter(has_text="Silent alarm").get_by_role("link").first.click()
        assert supervisor.says("Silent alarm: the terminal shows nothing.")
        supervisor.say("Same person", "The minutiae agree.")
        assert supervisor.says("discreet-check")
    told = desk.node.call("xa-terminal", "GET", f"/v1/checks/{answer['check_id']}").json()
    stranger = desk.check(finger_number=99)
    assert told == desk.node.call("xa-terminal", "GET", f"/v1/checks/{stranger['check_id']}").json() | {
        "check_id": answer["check_id"]
    }


def test_nobody_sees_the_desk_of_another_partner(desk: Desk) -> None:
    flag = desk.flag()
    with desk.visitor("xb/eve") as other:
        other.open(flag)
        assert other.says("There is nothing here")
        other.open("/review")
        assert other.page.locator(f"a[href='{flag}']").count() == 0


def test_a_form_that_is_not_complete_says_what_is_missing(desk: Desk) -> None:
    with desk.visitor("xa/ada") as ada:
        ada.open(desk.flag())
        ada.page.get_by_label("Why?").fill("   ")
        ada.page.get_by_role("radio", name="Inconclusive").check()
        ada.page.get_by_role("button", name="Continue").click()
        ada.page.locator("[role=alert]:focus").wait_for()
        ada.page.get_by_role("link", name="Say what you have seen.").click()
        assert ada.page.evaluate("document.activeElement.id") == "field-reason"
        assert ada.page.get_by_role("radio", name="Inconclusive").is_checked()
