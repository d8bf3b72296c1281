"""Companies and contacts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.samples.running import Caller, Service, Tenant


@pytest.fixture
def clerk(crm_tenant: Tenant) -> Caller:
    """An agent."""
    return crm_tenant.caller("agent")


def company(caller: Caller, name: str = "ACME", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = caller.post("/crm/companies", {"name": name, **fields})
    return made


def test_a_company_lives(clerk: Caller, crm_tenant: Tenant) -> None:
    answer = clerk.send("POST", "/crm/companies", json={"name": "ACME", "website": "acme.example"})
    assert answer.status_code == 201
    made = answer.json()
    path = f"/crm/companies/{made['id']}"
    assert answer.headers["location"] == f"/api/v1{path}"
    assert made.keys() == {"id", "name", "website", "phone", "notes", "createdAt", "updatedAt"}
    assert (made["website"], made["phone"], made["notes"]) == ("acme.example", None, "")
    assert clerk.get(path) == made
    changed = clerk.put(path, {"website": None, "notes": "Pays late"})
    assert (changed["name"], changed["website"], changed["notes"]) == ("ACME", None, "Pays late")
    clerk.delete(path, 403)
    crm_tenant.caller("manager").delete(path)
    clerk.get(path, 404)


def test_a_contact_lives(clerk: Caller, crm_tenant: Tenant) -> None:
    at = company(clerk)["id"]
    answer = clerk.send(
        "POST", "/crm/contacts", json={"name": "Ada", "companyId": at, "email": " Ada@Example.COM "}
    )
    assert answer.status_code == 201
    made = answer.json()
    path = f"/crm/contacts/{made['id']}"
    assert answer.headers["location"] == f"/api/v1{path}"
    assert made.keys() == {"id", "companyId", "name", "email", "phone", "createdAt", "updatedAt"}
    assert (made["companyId"], made["email"]) == (at, "ada@example.com")
    assert clerk.get(path) == made
    changed = clerk.put(path, {"companyId": None, "phone": "+49 30 1"})
    assert (changed["companyId"], changed["phone"], changed["name"]) == (None, "+49 30 1", "Ada")
    clerk.delete(path, 403)
    crm_tenant.caller("manager").delete(path)
    clerk.get(path, 404)


def test_lists(clerk: Caller) -> None:
    acme, zoo = company(clerk, "ACME"), company(clerk, "Zoo")
    company(clerk, "Büro Öl")
    for name, at in (("Zed", acme), ("Ada", acme), ("Bob", zoo)):
        clerk.post("/crm/contacts", {"name": name, "companyId": at["id"], "email": f"{name}@x.example"})
    listed = clerk.get("/crm/companies", limit=2)
    assert ([one["name"] for one in listed["data"]], listed["total"]) == (["ACME", "Büro Öl"], 3)
    assert [one["name"] for one in clerk.get("/crm/companies", text="öl")["data"]] == ["Büro Öl"]
    assert [one["name"] for one in clerk.get("/crm/contacts")["data"]] == ["Ada", "Bob", "Zed"]
    at_acme = clerk.get("/crm/contacts", companyId=acme["id"], sortOrder="desc")
    assert [one["name"] for one in at_acme["data"]] == ["Zed", "Ada"]
    assert [one["name"] for one in clerk.get("/crm/contacts", text="BOB@")["data"]] == ["Bob"]
    newest = clerk.get("/crm/contacts", sortBy="createdAt", sortOrder="desc")
    assert [one["name"] for one in newest["data"]] == ["Bob", "Ada", "Zed"]
    for path in ("/crm/companies", "/crm/contacts"):
        for query in ({"page": 0}, {"limit": 1000}, {"sortBy": "bad"}):
            clerk.get(path, 422, **query)


def test_a_name_is_taken_once_in_a_tenant(clerk: Caller, crm_service: Service) -> None:
    company(clerk, "ACME")
    other = company(clerk, "Zoo")
    clerk.post("/crm/companies", {"name": " ACME "}, 409)
    clerk.put(f"/crm/companies/{other['id']}", {"name": "ACME"}, 409)
    assert clerk.put(f"/crm/companies/{other['id']}", {"name": "Zoo"})["name"] == "Zoo"
    elsewhere = Tenant(crm_service.base_url)
    company(elsewhere.caller("agent"), "ACME")
    elsewhere.close()


def test_a_company_with_contacts_stays(clerk: Caller, crm_tenant: Tenant) -> None:
    at = company(clerk)["id"]
    person = clerk.post("/crm/contacts", {"name": "Ada", "companyId": at})
    manager = crm_tenant.caller("manager")
    manager.delete(f"/crm/companies/{at}", 409)
    manager.delete(f"/crm/contacts/{person['id']}")
    manager.delete(f"/crm/companies/{at}")


def test_a_contacts_company_is_one_of_the_tenants_own(clerk: Caller, crm_service: Service) -> None:
    elsewhere = Tenant(crm_service.base_url)
    foreign = company(elsewhere.caller("agent"))["id"]
    error = clerk.post("/crm/contacts", {"name": "Ada", "companyId": foreign}, 422)
    assert error["details"]["field"] == "companyId"
    person = clerk.post("/crm/contacts", {"name": "Ada"})
    clerk.put(f"/crm/contacts/{person['id']}", {"companyId": foreign}, 422)
    elsewhere.close()


def test_another_tenant_and_users_see_nothing(
    clerk: Caller, crm_tenant: Tenant, crm_service: Service
) -> None:
    at = company(clerk)["id"]
    person = clerk.post("/crm/contacts", {"name": "Ada"})["id"]
    elsewhere = Tenant(crm_service.base_url)
    stranger, customer = elsewhere.caller("admin"), crm_tenant.caller("user")
    for path in (f"/crm/companies/{at}", f"/crm/contacts/{person}"):
        stranger.get(path, 404)
        stranger.put(path, {"name": "x"}, 404)
        stranger.delete(path, 404)
        customer.get(path, 403)
        customer.put(path, {"name": "x"}, 403)
        customer.delete(path, 403)
    for path in ("/crm/companies", "/crm/contacts"):
        assert stranger.get(path)["total"] == 0
        customer.get(path, 403)
        customer.post(path, {"name": "x"}, 403)
    elsewhere.close()


def test_wrong_bodies_are_refused_by_field(clerk: Caller) -> None:
    error = clerk.post("/crm/companies", {"notes": 1, "tenantId": "x"}, 422)
    assert [one["field"] for one in error["details"]["errors"]] == ["name", "notes", "tenantId"]
    error = clerk.post("/crm/contacts", {"name": "", "email": "nobody", "companyId": "x"}, 422)
    assert [one["field"] for one in error["details"]["errors"]] == ["name", "companyId", "email"]
