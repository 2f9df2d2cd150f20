"""Every page's address. A test holds this table against the pages, as with the API's."""

from pyramid.config import Configurator

from picloud.security.contexts import app_context, instance_context, public_context

PUBLIC_PAGES = {
    "page_sign_in": "/sign-in",
    "page_setup": "/setup",
    "static": "/static/{digest}/{name}",
}
INSTANCE_PAGES = {
    "page_overview": "/",
    "page_sign_out": "/sign-out",
    "page_theme": "/theme",
    "page_apps": "/apps",
}
APP = "/apps/{app}"
APP_PAGES = {
    "page_app": APP,
}


def includeme(config: Configurator) -> None:
    for pages, factory in (
        (PUBLIC_PAGES, public_context),
        (INSTANCE_PAGES, instance_context),
        (APP_PAGES, app_context),
    ):
        for name, pattern in pages.items():
            config.add_route(name, pattern, factory=factory)
