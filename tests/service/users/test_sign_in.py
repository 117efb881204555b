"""Signing in with a password and a code, by the parts that do it; on both databases, in two processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from service.roles import Role
from service.user_schema import users
from service.users.errors import CodeRefused, SignInExpired, SignInRefused
from service.users.names import UserId
from service.users.passwords import HASHER, Passwords
from service.users.records import row_of
from tests.service.recorded import recorded
from tests.service.users.desk import ADA, PASSWORD, PLACE, App, Desk
from watchlists.database import writing

ON_BOTH_DATABASES = True


def test_both_factors_begin_a_session_of_the_user_with_its_roles(desk: Desk) -> None:
    app = desk.add(ADA, Role.AUDITOR, Role.REVIEWER)
    found = desk.signed_in(app)

    assert (found.user, found.roles) == (ADA, (Role.REVIEWER, Role.AUDITOR))
    assert (found.caller.partner, found.caller.role, found.caller.name) == ("xa", Role.REVIEWER, "ada")
    assert found.acting_as(Role.AUDITOR).caller.role is Role.AUDITOR
    assert desk.events("signed-in") == [{"factor": "totp"}]


def test_a_session_is_known_to_other_processes(desk: Desk) -> None:
    session = desk.sign_in(desk.add()).session
    other = desk.again()
    found = other.who(session)
    assert found is not None
    with writing(other.node.engine) as connection:
        other.people.sessions.end_all(connection, ADA)
    assert desk.who(session) is None
    other.node.engine.dispose()


NOBODY = [
    ("xa/ada", "nine lanterns over a quiet harbor"),
    ("xa/ada", PASSWORD + " " * 300),
    ("xb/ada", PASSWORD),
    ("xa/bob", PASSWORD),
    ("xz/ada", PASSWORD),
    ("ada", ""),
    ("xa/ada'--", PASSWORD),
]


def test_who_is_not_somebody_is_told_nothing_more(desk: Desk) -> None:
    desk.add()
    for user, password in NOBODY:
        with pytest.raises(SignInRefused) as refused:
            desk.enter_password(password, user=user)
        assert str(refused.value) == str(SignInRefused())


def test_names_are_the_same_in_capitals_and_passwords_are_not(desk: Desk) -> None:
    desk.add()
    assert desk.enter_password(user=" XA/Ada ")
    with pytest.raises(SignInRefused):
        desk.enter_password(PASSWORD.upper())


def test_a_password_in_another_unicode_form_is_the_same(desk: Desk) -> None:
    code = desk.people.register.add(ADA, [Role.REVIEWER])
    desk.people.enrolling.choose_password(code, "Gr\u00fcne F\u00e4hren im Nebel")
    app = App(desk.people.enrolling.look(code, PLACE).setup.totp_secret, desk.clock)
    desk.people.enrolling.set_up(code, {"code": app.code()}, PLACE)
    assert desk.enter_password("Gru\u0308ne Fa\u0308hren im Nebel")


def test_a_half_sign_in_is_no_session_and_ends_after_five_minutes(desk: Desk) -> None:
    app = desk.add()
    half = desk.enter_password()
    assert desk.who(half) is None
    desk.clock.turn(minutes=5)
    with pytest.raises(SignInExpired):
        desk.enter_code(half, app.code())


def test_a_half_sign_in_is_good_for_one_session(desk: Desk) -> None:
    app = desk.add()
    desk.clock.turn(seconds=30)
    half = desk.enter_password()
    desk.enter_code(half, app.code())
    desk.clock.turn(seconds=30)
    with pytest.raises(SignInExpired):
        desk.enter_code(half, app.code())


def test_a_code_counts_once_also_where_another_process_has_taken_it(desk: Desk) -> None:
    app = desk.add()
    other = desk.again()
    desk.clock.turn(seconds=30)
    halves = [desk.enter_password(), other.enter_password()]
    desk.enter_code(halves[0], app.code())
    with pytest.raises(CodeRefused):
        other.enter_code(halves[1], app.code())
    other.node.engine.dispose()


def test_of_many_who_send_one_code_at_once_one_gets_in(desk: Desk) -> None:
    app = desk.add()
    desk.clock.turn(seconds=30)
    code, halves = app.code(), [desk.enter_password() for _ in range(4)]

    def enter(half: str) -> bool:
        try:
            desk.enter_code(half, code)
        except CodeRefused:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(enter, halves)) == [False, False, False, True]


def test_an_earlier_code_than_the_last_used_is_refused(desk: Desk) -> None:
    app = desk.add()
    desk.clock.turn(seconds=60)
    desk.enter_code(desk.enter_password(), app.code())
    with pytest.raises(CodeRefused):
        desk.enter_code(desk.enter_password(), app.code(-1))


def test_a_password_hashed_with_weaker_settings_is_hashed_anew(desk: Desk) -> None:
    desk.add()
    weak = Passwords(desk.node.store.keys, type(HASHER)(time_cost=1, memory_cost=8, parallelism=1))
    with writing(desk.node.engine) as connection:
        sealed = weak.seal(connection, ADA, weak.hashed(PASSWORD))
        connection.execute(users.update().values(sealed_password=sealed))
    desk.enter_password()
    with desk.node.engine.connect() as connection:
        row = row_of(connection, ADA)
        assert row is not None
        hashed = Passwords(desk.node.store.keys).opened(connection, ADA, row["sealed_password"])
    assert hashed.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert desk.enter_password()


def test_neither_password_nor_secret_nor_any_id_is_in_the_database(desk: Desk) -> None:
    app = desk.add()
    half = desk.enter_password()
    entered = desk.sign_in(app)
    with desk.node.engine.connect() as connection:
        dump = repr([connection.execute(select(table)).all() for table in users.metadata.sorted_tables])
    for secret in (PASSWORD, app.secret, half, entered.session, entered.device, "$argon2id"):
        assert secret not in dump


def test_a_failed_sign_in_is_on_record_without_what_was_entered(desk: Desk) -> None:
    desk.add()
    for user in ("xa/ada", "hunter2 is my password"):
        with pytest.raises(SignInRefused):
            desk.enter_password("hunter2 is my password", user=user)
    events = recorded(desk.node.store, "sign-in-failed")
    assert [(event["partner"], event["actor"]) for event in events] == [("xa", "ada"), (None, "sign-in")]
    assert "hunter2" not in repr(events)


def test_the_same_name_at_two_partners_is_two_users(desk: Desk) -> None:
    desk.add()
    other = desk.add(UserId("xb", "ada"), Role.AUDITOR)
    found = desk.signed_in(other, user=UserId("xb", "ada"))
    assert (found.caller.partner, found.roles) == ("xb", (Role.AUDITOR,))
