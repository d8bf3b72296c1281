"""Numbers of tickets under concurrency: two processes, many callers, no number twice and none left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.integration.samples.running import Service, Tenant
from tests.integration.samples.test_tickets import make


def test_two_processes_number_the_tickets_of_a_tenant_without_gap_or_double(
    tenant: Tenant, second_tickets_service: Service
) -> None:
    here = [tenant.caller("agent", f"here-{index}") for index in range(4)]
    there = [tenant.caller("agent", f"there-{index}", second_tickets_service.base_url) for index in range(4)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda caller: make(caller)["number"], (here + there) * 10))
    assert sorted(made) == list(range(1, 81))
    listed = here[0].get("/tickets", sortBy="number", sortOrder="asc", limit=100)
    assert [ticket["number"] for ticket in listed["data"]] == list(range(1, 81))
    assert listed["total"] == 80


def test_each_tenant_counts_for_itself(tickets_service: Service) -> None:
    first, second = Tenant(tickets_service.base_url), Tenant(tickets_service.base_url)
    numbers = [make(tenant.caller("agent"))["number"] for tenant in (first, second, first, second)]
    assert numbers == [1, 1, 2, 2]
    first.close()
    second.close()


def test_of_many_equal_steps_at_once_one_is_taken(tenant: Tenant, second_tickets_service: Service) -> None:
    callers = [tenant.caller("agent"), tenant.caller("agent", base_url=second_tickets_service.base_url)]
    path = f"/tickets/{make(callers[0])['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda caller: caller.send("PATCH", f"{path}/status", json={"status": "resolved"}).status_code,
            callers * 4,
        )
        assert sorted(answers) == [200] + [409] * 7
    assert [one["action"] for one in callers[0].get(f"{path}/activity")["data"]] == [
        "status_changed",
        "created",
    ]


def test_changes_below_a_ticket_and_its_deletion_do_not_lock_each_other_up(
    tenant: Tenant, second_tickets_service: Service
) -> None:
    callers = [tenant.caller("manager"), tenant.caller("manager", base_url=second_tickets_service.base_url)]
    for _ in range(5):
        path = f"/tickets/{make(callers[0])['id']}"
        comments = [callers[0].post(f"{path}/comments", {"body": "x"})["id"] for _ in range(6)]
        with ThreadPoolExecutor(7) as pool:
            changes = [
                pool.submit(callers[index % 2].send, "PUT", f"/comments/{comment}", json={"body": "y"})
                for index, comment in enumerate(comments)
            ]
            deletion = pool.submit(callers[1].send, "DELETE", path)
        assert deletion.result().status_code == 204
        assert {change.result().status_code for change in changes} <= {200, 404}
