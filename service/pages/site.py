"""Puts the pages into the application: what they are made with, their routes, and how they show errors."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from service import errors
from service.pages import account, enrol, log, problems, session, sign_in, static, webhooks
from service.pages.desk import afterwards, flag, grants, queue, requests, streams, verdict, waiver
from service.pages.desk.changes import Changes, standing_of
from service.pages.rendering import Site
from service.runtime import Runtime

DESK = (queue, streams, flag, verdict, waiver, afterwards, requests, grants, webhooks, log)
PAGES = (static, sign_in, enrol, account, *DESK)


def install(app: FastAPI, runtime: Runtime) -> None:
    """Let `app` answer people; errors too are answered in the way of whoever asked.

    Raises:
        AssetDamaged: a file that pages load is not the one that is pinned.
    """
    app.state.site = Site.load()
    app.state.changes = Changes(partial(standing_of, runtime.store.engine), runtime.draining)
    for pages in PAGES:
        app.include_router(pages.router)
    errors.install(app, problems.answer)
    session.install(app)
