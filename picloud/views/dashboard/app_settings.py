"""The settings of an app: its name, its limits, what its handlers may reach."""

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import PicloudError
from picloud.views import apps
from picloud.views.dashboard import limits
from picloud.views.dashboard.page import draw, page, see
from picloud.views.dashboard.twin import given, tried


@page("page_settings", "GET", Capability.APP_UPDATE)
def show(request: Request) -> Response:
    return _draw(request)


@page("page_settings", "POST", Capability.APP_UPDATE)
def change(request: Request) -> Response:
    form = given(request, "name", "isolation", "http_allow", *limits.NAMES)
    error = tried(
        request,
        apps.update,
        lambda: {
            **{name: form[name] for name in ("name", "isolation") if name in form},
            "http_allow": form.get("http_allow", "").split(),
            "limits": limits.limits_of(form),
        },
    )
    return _draw(request, error, form) if error else see(request, "page_settings", app=request.context.app.slug)


@page("page_delete_app", "POST", Capability.APP_DELETE)
def delete(request: Request) -> Response:
    error = tried(request, apps.delete)
    return _draw(request, error) if error else see(request, "page_apps")


def _draw(request: Request, error: PicloudError | None = None, form: dict[str, str] | None = None) -> Response:
    """With what was filled in, where that was refused."""
    it = apps.read(request)
    saved = {"name": it["name"], "isolation": it["isolation"], "http_allow": "\n".join(it["http_allow"])} | it["limits"]
    shown = dict.fromkeys(saved, "") | form if form else saved
    values = {"it": it, "form": shown, "names": limits.NAMES, "error": error}
    return draw(request, "settings", error.status if error else 200, **values)
