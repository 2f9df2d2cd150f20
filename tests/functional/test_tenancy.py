"""Two users, apps that come, are shared, taken away and deleted at random: nobody ever sees what is not theirs."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from webtest import TestApp

from picloud.domain.kinds import AppRole, InstanceRole
from picloud.process import Process
from tests.functional.client import Client, unique
from tests.functional.conftest import make_key
from tests.pace import PATIENCE

USERS = st.sampled_from(["ada", "bob"])
PATHS = {
    "kv/c": {AppRole.EDITOR, AppRole.APP_ADMIN},
    "scripts": set(AppRole),
    "secrets": {AppRole.APP_ADMIN},
    "members": set(AppRole),
}
"""What is looked at, and the roles that may."""


class Person:
    def __init__(self, name: str, app: TestApp, process: Process) -> None:
        email = f"{unique(name)}@example.com"
        self.client = Client(app, make_key(process, InstanceRole.MEMBER, email=email))
        self.id = self.client.get("/me")["id"]
        self.enabled = True
        self.roles: dict[str, AppRole] = {}


class Tenancy(RuleBasedStateMachine):
    """What each user sees is held against a model of what it was given."""

    owner: Client
    app: TestApp
    process: Process
    apps: Any = Bundle("apps")

    def __init__(self) -> None:
        super().__init__()
        self.people = {name: Person(name, self.app, self.process) for name in ("ada", "bob")}
        self.alive: set[str] = set()

    @rule(target=apps, user=USERS)
    def create(self, user: str) -> str:
        """An app full of things that carry its name."""
        slug = self.owner.new_app()
        self.owner.put(f"/apps/{slug}/kv/c/{slug}", {"value": f"data of {slug}"})
        self.owner.put(f"/apps/{slug}/secrets/NAME_{slug.replace('-', '_')}", {"value": slug})
        self.owner.script(slug, f"code_{slug.replace('-', '_')}", f"def handler(ctx):\n    return '{slug}'\n")
        self.alive.add(slug)
        self.share(slug, user, AppRole.APP_ADMIN)
        return slug

    @rule(slug=apps, user=USERS, role=st.sampled_from(AppRole))
    def share(self, slug: str, user: str, role: AppRole) -> None:
        self.owner.put(f"/apps/{slug}/members/{self.people[user].id}", {"role": role.value})
        self.people[user].roles[slug] = role

    @rule(slug=apps, user=USERS)
    def revoke(self, slug: str, user: str) -> None:
        had = self.people[user].roles.pop(slug, None)
        self.owner.delete(f"/apps/{slug}/members/{self.people[user].id}", status=204 if had else 404)

    @rule(user=USERS, disabled=st.booleans())
    def disable(self, user: str, disabled: bool) -> None:
        self.owner.patch(f"/users/{self.people[user].id}", {"disabled": disabled})
        self.people[user].enabled = not disabled

    @rule(slug=consumes(apps))
    def delete(self, slug: str) -> None:
        self.owner.delete(f"/apps/{slug}")
        self.alive.remove(slug)
        for person in self.people.values():
            person.roles.pop(slug, None)

    @rule(slug=apps, user=USERS)
    def meddle(self, slug: str, user: str) -> None:
        """The user tries to give itself more than it has."""
        person = self.people[user]
        role = person.roles.get(slug) if person.enabled else None
        status = 401 if not person.enabled else 200 if role is AppRole.APP_ADMIN else 403
        person.client.put(f"/apps/{slug}/members/{person.id}", {"role": "app_admin"}, status=status)

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """Both look at the same time."""
        with ThreadPoolExecutor(2) as pool:
            for seen in [pool.submit(self.look, person) for person in self.people.values()]:
                seen.result()

    def look(self, person: Person) -> None:
        if not person.enabled:
            person.client.get("/apps", status=401)
            return
        assert {app["slug"] for app in person.client.get("/apps")["items"]} == person.roles.keys()
        foreign = self.alive - person.roles.keys()
        for slug in self.alive:
            for path, roles in PATHS.items():
                may = person.roles.get(slug) in roles
                answer = str(person.client.get(f"/apps/{slug}/{path}", status=200 if may else 403))
                assert not [name for name in foreign if re.search(rf"{name}(?!\d)", answer)]
        administered = {slug for slug, role in person.roles.items() if role is AppRole.APP_ADMIN}
        for slug in self.alive:
            assert bool(person.client.get(f"/audit-events?app={slug}&limit=1")["items"]) == (slug in administered)


@pytest.mark.timeout(300 * PATIENCE)
def test_nobody_sees_another_app_s_data(owner: Client, app: TestApp, process: Process) -> None:
    machine = type("Machine", (Tenancy,), {"owner": owner, "app": app, "process": process})
    bounds = settings(
        max_examples=5,
        stateful_step_count=8,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
