"""Passkeys as a real browser makes and uses them, with an authenticator that Chromium provides."""

from __future__ import annotations

from playwright.sync_api import Page

from service.roles import Role
from service.users.names import UserId
from tests.browser.desk import Desk
from tests.service.people import PASSWORD


def plug_in_authenticator(page: Page) -> None:
    """Give the browser an authenticator that verifies its user by itself."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_new_user_makes_a_passkey_and_signs_in_with_it(desk: Desk) -> None:
    code = desk.node.runtime.people.register.add(UserId("xa", "kit"), [Role.REVIEWER])
    with desk.visitor(base_url=desk.home) as kit:
        page = kit.page
        plug_in_authenticator(page)
        page.goto(f"/enrol/{code}")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Name of the passkey").fill("This screen")
        page.get_by_role("button", name="Make a passkey").click()
        page.wait_for_url("**/review")
        page.goto("/account")
        assert "This screen" in page.locator("main").inner_text()
        page.get_by_role("button", name="Sign out").click()

        page.get_by_label("User").fill("xa/kit")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/review")
