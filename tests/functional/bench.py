"""An app under test: scripts behind routes and triggers, and its store."""

from typing import Any

from webtest import TestApp

from tests.functional.client import Client


class Bench:
    def __init__(self, owner: Client, app: TestApp) -> None:
        self.owner, self.app, self.slug = owner, app, owner.new_app()

    def script(self, name: str, body: str) -> None:
        source = "def handler(ctx):\n" + "".join(f"    {line}\n" for line in body.splitlines())
        self.owner.script(self.slug, name, source)

    def route(self, name: str, body: str) -> None:
        self.script(name, body)
        self.owner.route(self.slug, "POST", f"/{name}", name)

    def call(self, name: str, value: Any = None, status: int = 200) -> Any:
        response = self.app.post_json(f"/run/{self.slug}/{name}", value, status=status)
        return response.json if response.body else None

    def value(self, key: str, collection: str = "c") -> Any:
        path = f"/api/v1/admin/apps/{self.slug}/kv/{collection}/{key}"
        response = self.app.get(path, headers=self.owner.headers, status="*", expect_errors=True)
        return response.json["value"] if response.status_int == 200 else None

    def trigger(self, kind: str, **fields: Any) -> Any:
        return self.owner.post(f"/apps/{self.slug}/triggers/{kind}", fields)

    def executions(self, kind: str) -> list[Any]:
        found: list[Any] = self.owner.get(f"/apps/{self.slug}/executions?kind={kind}")["items"]
        return [self.owner.get(f"/apps/{self.slug}/executions/{item['id']}") for item in found]
