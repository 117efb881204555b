"""Users as an operator administers them; and what people find of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.identity import InvalidName
from service.roles import Role
from service.users.errors import (
    InvitationVoid,
    PasswordUnfit,
    SignInExpired,
    SignInRefused,
    UnknownUser,
    UserDisabled,
    UserNameTaken,
)
from service.users.names import UserId
from service.users.user import State
from tests.service.recorded import recorded
from tests.service.users.desk import ADA, PASSWORD, PLACE, SOMEWHERE, App, Desk
from watchlists.rotation import OwnerKeyRotation


def test_a_new_user_is_invited_and_active_only_with_both_factors(desk: Desk) -> None:
    code = desk.people.register.add(ADA, [Role.AUDITOR, Role.REVIEWER], "border-guard")
    (found,) = desk.people.register.all()
    assert (found.id, found.roles, found.authority) == (ADA, (Role.REVIEWER, Role.AUDITOR), "border-guard")
    assert (found.state, found.invited_until) == (State.INVITED, desk.clock() + timedelta(hours=24))
    desk.people.enrolling.choose_password(code, PASSWORD)
    with pytest.raises(SignInRefused):
        desk.enter_password()
    assert desk.people.register.all("xb") == []


@pytest.mark.parametrize("roles", [[], [Role.TERMINAL], [Role.REVIEWER, Role.SYNC], [Role.OPERATOR]])
def test_people_have_roles_of_people(desk: Desk, roles: list[Role]) -> None:
    with pytest.raises(InvalidName):
        desk.people.register.add(ADA, roles)


@pytest.mark.parametrize("name", ["ada", "xa/", "/ada", "xa/a da", "XA_/ada", "xa/ada/eve", "xa/ädä"])
def test_users_are_named_by_partner_and_name(name: str) -> None:
    with pytest.raises(InvalidName):
        UserId.parse(name)


def test_a_name_is_given_once_within_a_partner(desk: Desk) -> None:
    desk.people.register.add(ADA, [Role.REVIEWER])
    with pytest.raises(UserNameTaken):
        desk.people.register.add(ADA, [Role.AUDITOR])
    desk.people.register.add(UserId("xb", "ada"), [Role.AUDITOR])


def test_a_link_is_good_for_a_day_and_until_the_next(desk: Desk) -> None:
    first = desk.people.register.add(ADA, [Role.REVIEWER])
    second = desk.people.register.invite(ADA)
    with pytest.raises(InvitationVoid):
        desk.people.enrolling.look(first, PLACE)
    desk.clock.turn(hours=24)
    with pytest.raises(InvitationVoid):
        desk.people.enrolling.choose_password(second, PASSWORD)


def test_a_link_is_good_once(desk: Desk) -> None:
    code = desk.people.register.add(ADA, [Role.REVIEWER])
    desk.people.enrolling.choose_password(code, PASSWORD)
    secret = desk.people.enrolling.look(code, PLACE).setup.totp_secret
    assert secret == desk.people.enrolling.look(code, PLACE).setup.totp_secret
    desk.people.enrolling.set_up(code, {"code": App(secret, desk.clock).code()}, PLACE)
    for use in (desk.people.enrolling.look, lambda code, place: desk.people.enrolling.set_up(code, {}, place)):
        with pytest.raises(InvitationVoid):
            use(code, PLACE)


def test_a_password_that_is_not_taken_leaves_the_link_as_it_was(desk: Desk) -> None:
    code = desk.people.register.add(ADA, [Role.REVIEWER])
    with pytest.raises(PasswordUnfit):
        desk.people.enrolling.choose_password(code, "xa/ada-2026-2027")
    assert not desk.people.enrolling.look(code, PLACE).has_password


def test_a_new_link_voids_password_and_sessions_and_keeps_the_second_factor(desk: Desk) -> None:
    app = desk.add()
    session = desk.sign_in(app).session
    code = desk.people.register.invite(ADA)
    assert desk.who(session) is None
    with pytest.raises(SignInRefused):
        desk.enter_password()
    half = desk.people.enrolling.choose_password(code, "seven kettles under the pine")
    assert half is not None
    desk.clock.turn(seconds=30)
    assert desk.who(desk.enter_code(half, app.code()).session)


def test_a_reset_takes_the_second_factor_too(desk: Desk) -> None:
    app = desk.add()
    session = desk.sign_in(app).session
    code = desk.people.register.reset_second_factor(ADA)
    assert desk.who(session) is None
    assert desk.people.enrolling.choose_password(code, PASSWORD) is None
    assert desk.people.enrolling.look(code, PLACE).setup.totp_secret != app.secret


def test_who_is_disabled_is_out_and_comes_back_as_before(desk: Desk) -> None:
    app = desk.add()
    session, half = desk.sign_in(app).session, desk.enter_password()
    desk.people.register.disable(ADA)
    assert desk.who(session) is None
    with pytest.raises(SignInExpired):
        desk.enter_code(half, app.code())
    with pytest.raises(SignInRefused):
        desk.enter_password()
    for deed in (desk.people.register.invite, desk.people.register.reset_second_factor):
        with pytest.raises(UserDisabled):
            deed(ADA)
    assert desk.people.register.enable(ADA) is State.ACTIVE
    assert desk.sign_in(app)


def test_who_was_disabled_before_enrolling_needs_a_link(desk: Desk) -> None:
    code = desk.people.register.add(ADA, [Role.REVIEWER])
    desk.people.register.disable(ADA)
    with pytest.raises(InvitationVoid):
        desk.people.enrolling.look(code, PLACE)
    assert desk.people.register.enable(ADA) is State.INVITED


def test_the_operator_sees_and_ends_sessions(desk: Desk) -> None:
    app = desk.add()
    sessions = [desk.sign_in(app).session for _ in range(2)]
    assert len(desk.people.register.sessions(ADA)) == 2
    assert desk.people.register.sign_out(ADA) == 2
    assert [desk.who(session) for session in sessions] == [None, None]


def test_nothing_is_done_to_users_that_there_are_not(desk: Desk) -> None:
    register = desk.people.register
    for deed in (register.invite, register.disable, register.enable, register.sessions, register.sign_out):
        with pytest.raises(UnknownUser):
            deed(ADA)


def test_every_deed_is_on_record_in_the_name_of_the_operator(desk: Desk) -> None:
    desk.add()
    register = desk.people.register
    register.disable(ADA)
    register.enable(ADA)
    register.invite(ADA)
    register.reset_second_factor(ADA)
    register.sign_out(ADA)
    events = [(event["kind"], event["partner"], event["actor"]) for event in recorded(desk.node.store)]
    by = "crosscheck user "
    assert [event for event in events if event[2].startswith(by)] == [
        ("user-added", "xa", by + "add"),
        ("user-disabled", "xa", by + "disable"),
        ("user-enabled", "xa", by + "enable"),
        ("user-invited", "xa", by + "invite"),
        ("second-factor-reset", "xa", by + "reset-second-factor"),
        ("signed-out", "xa", by + "sign-out"),
    ]
    assert ("user-enrolled", "xa", "ada") in events


def test_after_a_rotation_of_the_key_everything_still_opens(desk: Desk) -> None:
    app = desk.add()
    desk.people.accounts.begin_setup(desk.signed_in(app), PASSWORD, SOMEWHERE)
    OwnerKeyRotation(desk.node.engine, desk.node.store.keys, "xa").run()
    assert desk.sign_in(app)


def test_housekeeping_deletes_what_is_over_and_nothing_else(desk: Desk) -> None:
    app = desk.add()
    old = desk.sign_in(app)
    desk.clock.turn(minutes=20)
    new = desk.sign_in(app)
    desk.people.house.run()
    assert (desk.who(old.session), desk.who(new.session) is None) == (None, False)
    assert len(desk.people.register.sessions(ADA)) == 1
