"""The doctor's page: the findings of the API, each with what mends it."""

from webtest import TestApp

from picloud.domain.kinds import InstanceRole
from tests.functional.browsing import browser, email, signed_in
from tests.functional.client import Client
from tests.functional.test_dashboard_people import Person, person

__all__ = ["browser", "email", "person", "signed_in"]


def test_it_shows_each_finding_with_its_remedy(owner: Client, signed_in: TestApp) -> None:
    rows = [[cell.text for cell in row.select("td")] for row in signed_in.get("/doctor").html.select("tbody tr")]
    found = owner.get("/doctor")["items"]
    assert [(row[1], row[3]) for row in rows] == [(item["name"], item["remedy"]) for item in found]
    assert sorted({row[0] for row in rows if row[1] in ("schema", "backups")}) == ["! warning", "✓ ok"]
    assert "picloud backup" in {row[3] for row in rows}


def test_it_is_for_instance_admins(person: Person) -> None:
    member, _ = person(InstanceRole.MEMBER)
    assert "Doctor" not in {tab.text for tab in member.get("/").html.select("nav a")}
    member.get("/doctor", status=403)
    admin, _ = person(InstanceRole.ADMIN)
    assert "Doctor" in {tab.text for tab in admin.get("/doctor").html.select("nav a")}
