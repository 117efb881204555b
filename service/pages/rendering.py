"""Templates into pages. Every page is made by `page`, and every form ends in `see_other`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from service.pages import filters
from service.pages.assets import Assets, load_assets
from service.pages.flashes import COOKIE, SECONDS, Flash, text_of
from service.pages.navigation import places_of
from service.pages.translation import Language, choose, load_languages


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages are made with: files, languages, and the templates as each language has them."""

    assets: Assets
    languages: Mapping[str, Language]
    environments: Mapping[str, Environment]

    @classmethod
    def load(cls, languages: Mapping[str, Language] | None = None) -> Site:
        """Read everything that pages are made of.

        Raises:
            AssetDamaged: a file that pages load is not the one that is pinned.
        """
        assets = load_assets()
        found = languages or load_languages()
        return cls(assets, found, {tag: _environment(language, assets) for tag, language in found.items()})


def site_of(request: Request) -> Site:
    return cast("Site", request.app.state.site)


def language_of(request: Request) -> Language:
    """Return the language that the answer to `request` is in."""
    return choose(site_of(request).languages, request.headers.get("accept-language"))


def translate(request: Request, message: str) -> str:
    """Return a `marked` text in the language of the reader."""
    return language_of(request).texts.gettext(message)


def page(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page. Templates also get who is signed in, what was said by the page before, and where this one is."""
    language = language_of(request)
    signed_in = getattr(request.state, "signed_in", None)  # put there by service.pages.session
    said = text_of(request.cookies.get(COOKIE))
    common = {
        "language": language,
        "signed_in": signed_in,
        "places": places_of(signed_in.roles) if signed_in else [],
        "path": request.url.path,
        "said": said,
    }
    environment = site_of(request).environments[language.tag.lower()]
    response = HTMLResponse(environment.get_template(template).render(**common, **values), status, headers)
    if said is not None:
        response.delete_cookie(COOKIE)
    return response


def see_other(url: str, say: Flash | None = None) -> RedirectResponse:
    """Send the browser on after a form was dealt with; the next page says `say`."""
    response = RedirectResponse(url, 303)
    if say is not None:
        response.set_cookie(COOKIE, say.value, max_age=SECONDS, httponly=True, samesite="strict")
    return response


def _environment(language: Language, assets: Assets) -> Environment:
    environment = Environment(
        loader=PackageLoader("service", "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    # The extension adds this method when it is loaded, so the type does not know it.
    environment.install_gettext_translations(language.texts, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["asset"] = assets.url
    filters.install(environment, language)
    return environment
