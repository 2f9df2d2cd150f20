"""An app's own host names: who may set them, and what a request to one reaches."""

from collections.abc import Iterator

import pytest
from webtest import TestApp

from picloud.domain.access import Scope
from picloud.domain.kinds import InstanceRole
from picloud.process import Process
from tests.functional.client import Client, unique
from tests.functional.conftest import make_key

TELL = "def handler(ctx):\n    return [ctx.app, ctx.event.http.path, ctx.event.http.params]\n"


@pytest.fixture
def slug(owner: Client) -> Iterator[str]:
    slug = owner.new_app()
    owner.script(slug, "tell", TELL)
    owner.route(slug, "GET", "/things/{id}", "tell")
    owner.route(slug, "GET", "/", "tell")
    yield slug
    owner.delete(f"/apps/{slug}")


@pytest.fixture
def domain(owner: Client, slug: str) -> str:
    domain = f"{unique('shop')}.example.org"
    owner.post(f"/apps/{slug}/domains", {"domain": domain})
    return domain


def test_a_request_to_the_domain_reaches_the_apps_routes(app: TestApp, slug: str, domain: str) -> None:
    found = app.get("/things/a%20b", headers={"Host": f"{domain.upper()}:8443"})
    assert found.json == [slug, "/things/a%20b", {"id": "a b"}]
    assert app.get("/", headers={"Host": domain}).json == [slug, "/", {}]


@pytest.mark.parametrize(
    "path", ["/api/v1/admin/me", "/healthz", "/run/hello/hello", "/internal/tls-ask", "/api/v1/openapi.json"]
)
def test_nothing_else_is_reached_by_it(app: TestApp, owner: Client, domain: str, path: str) -> None:
    answer = app.get(path, headers={"Host": domain} | owner.headers, status=404)
    assert "has no route for" in answer.json["detail"]


def test_it_ends_with_the_domain_and_with_the_app(app: TestApp, owner: Client, slug: str, domain: str) -> None:
    ask = "/internal/tls-ask?domain="
    app.get(ask + domain, status=200)
    owner.delete(f"/apps/{slug}/domains/{domain}")
    app.get("/things/1", headers={"Host": domain}, status=404)
    app.get(ask + domain, status=404)
    app.get(ask, status=404)
    owner.delete(f"/apps/{slug}/domains/{domain}", status=404)


def test_a_name_is_taken_once_and_its_holder_is_not_told(owner: Client, domain: str) -> None:
    other = owner.new_app()
    said = owner.post(f"/apps/{other}/domains", {"domain": domain.upper() + "."}, status=409)
    assert said["detail"] == f"{domain} is in use already."


def test_names_are_kept_as_dns_has_them(app: TestApp, owner: Client, slug: str) -> None:
    made = owner.post(f"/apps/{slug}/domains", {"domain": f"Bücher.{unique('x')}.example.org"})
    assert made["domain"].startswith("xn--bcher-kva.")
    assert [item["domain"] for item in owner.get(f"/apps/{slug}/domains")["items"]] == [made["domain"]]


NO_NAMES = (
    *("", "box", "10.0.0.1", "[::1]", "https://a.example", "a.example:80", "a.example/x", "*.example.org"),
    *("-a.example", "a..example", "a b.example", "a_b.example", "é" * 64 + ".example", "a." * 130 + "example"),
)


@pytest.mark.parametrize("given", NO_NAMES)
def test_what_is_no_name_of_a_host_is_refused(owner: Client, slug: str, given: str) -> None:
    said = owner.post(f"/apps/{slug}/domains", {"domain": given}, status=422)
    assert said["errors"][0]["pointer"] == "/domain"


def test_an_app_has_so_many(owner: Client, slug: str) -> None:
    for number in range(20):
        owner.post(f"/apps/{slug}/domains", {"domain": f"n{number}.{slug}.example.org"})
    owner.post(f"/apps/{slug}/domains", {"domain": f"n20.{slug}.example.org"}, status=409)


def test_the_scope_for_domains_is_enough_and_others_are_not(app: TestApp, process: Process, slug: str) -> None:
    enough = Client(app, make_key(process, InstanceRole.OWNER, (Scope.DOMAIN_MANAGE,)))
    assert enough.get(f"/apps/{slug}/domains")["items"] == []
    short = Client(app, make_key(process, InstanceRole.OWNER, (Scope.ROUTE_WRITE, Scope.SCRIPT_WRITE)))
    short.get(f"/apps/{slug}/domains", status=403)
