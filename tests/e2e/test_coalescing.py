"""One origin GET for a cold page, however many clients ask, for any of its ranges, even if some clients leave."""

import random

import pytest

from crowd import Crowd, Visit
from expect import expect_206, expect_error, fetch_from_memory
from harness import KIB, MIB, PAGE, SLOW, Task, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate

CLIENTS = 1000


def expect_all_good(visits):
    bad = [visit for visit in visits if not visit.good]
    assert not bad, f"{len(bad)} of {len(visits)} went wrong, the first: {bad[0]}"


def test_a_thousand_clients_that_come_while_the_page_is_being_fetched(s3_server, origin, kind):
    """The origin holds the leader's GET until all clients have asked. Any offset joins; some want the whole page."""
    gate, source = Gate(), random.Random(1)
    stored = origin.put(kind, "object", size=PAGE + 5)
    origin.behave(kind, "object", Behaviour(gate=gate))
    server = s3_server("--max-connections", "2000")
    visits = [Visit(kind, "object", stored.seed, 0, PAGE - 1) for _ in range(20)]
    while len(visits) < CLIENTS:
        first = source.randrange(PAGE)
        visits.append(Visit(kind, "object", stored.seed, first, min(first + source.randrange(256 * KIB), PAGE - 1)))
    with server.connect() as leader:
        leader.request("GET", fetch_target(kind, "object"), [range_header(0, 99)])
        wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].held, what="the leader's GET")
        with Crowd(server.port, visits) as crowd:
            crowd.send_requests()
            gate.release()
            crowd.run(60)
        expect_206(leader.read_response(), stored, 0, 99, kind, hit=False)
    expect_all_good(visits)
    (record,) = origin.ended(kind)
    assert record.body_bytes == PAGE


def test_a_thousand_clients_at_once_without_a_leader(s3_server, origin, kind):
    source = random.Random(2)
    stored = origin.put(kind, "object", size=PAGE)
    server = s3_server("--max-connections", "2000")
    visits = []
    while len(visits) < CLIENTS:
        first = source.randrange(MIB)
        visits.append(Visit(kind, "object", stored.seed, first, first + source.randrange(64 * KIB)))
    with Crowd(server.port, visits) as crowd:
        crowd.send_requests().run(60)
    expect_all_good(visits)
    assert [record.range for record in origin.requests(kind)] == [(0, PAGE - 1)]
    assert server.alive()


def test_clients_of_three_pages_cost_one_get_a_page(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=3 * PAGE)
    server = s3_server()
    visits = [Visit(kind, "object", stored.seed, at * 1000, 3 * PAGE - 1 - at) for at in range(20)]
    with Crowd(server.port, visits) as crowd:
        crowd.send_requests().run(60)
    expect_all_good(visits)
    assert sorted(record.range[0] for record in origin.requests(kind)) == [0, PAGE, 2 * PAGE]


def test_the_first_client_hangs_up_and_the_others_get_everything(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=8 * MIB))
    server = s3_server()
    first = Visit(kind, "object", stored.seed, 0, PAGE - 1, hang_up_after=256 * KIB)
    others = [Visit(kind, "object", stored.seed, at * 100 * KIB, PAGE - 1) for at in range(10)]
    with Crowd(server.port, [first]) as leading, Crowd(server.port, others) as crowd:
        leading.send_requests()
        wait_until(lambda: origin.requests(kind), what="the first client's GET")
        crowd.send_requests()
        leading.run(20)
        assert first.ended and not first.finished and origin.requests(kind)[0].open
        crowd.run(20)
    expect_all_good(others)
    assert len(origin.requests(kind)) == 1


@pytest.mark.parametrize("after", [0, 1 * MIB])
def test_a_page_whose_only_client_leaves_is_not_lost(s3_server, origin, kind, after):
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=16 * MIB))
    server = s3_server()
    only = Visit(kind, "object", stored.seed, 0, PAGE - 1, hang_up_after=after)
    with Crowd(server.port, [only]) as crowd:
        crowd.send_requests().run(20)
    assert not only.finished
    wait_until(lambda: not origin.requests(kind)[0].open, 10, "the end of the fill")
    assert origin.requests(kind)[0].body_bytes == PAGE
    response = fetch_from_memory(server, kind, "object", 0, PAGE - 1)
    expect_206(response, stored, 0, PAGE - 1, kind, hit=True)
    assert len(origin.requests(kind)) == 1


def test_a_leaders_own_limits_are_not_the_joiners(s3_server, origin, kind):
    """The leader allows 0.3 s and one attempt; a joiner has the default limits and gets its bytes."""
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(times=1, delay=1.0 * SLOW))
    server = s3_server()
    hasty = Task(server.fetch, kind, "object", 0, 99, headers=[("C0-Config", f"rt={int(300 * SLOW)} ma=1")])
    wait_until(lambda: origin.requests(kind), what="the leader's GET")
    patient = Task(server.fetch, kind, "object", 100, 199)
    expect_error(hasty.result(), 504)
    expect_206(patient.result(), stored, 100, 199, kind, hit=False)


def test_joiners_of_a_fill_that_finds_nothing_get_its_404(s3_server, origin, kind):
    gate = Gate()
    origin.add_bucket(kind)
    origin.behave(kind, "object", Behaviour(gate=gate))
    server = s3_server()
    readers = [Task(server.fetch, kind, "object", at, at + 9) for at in range(50)]
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].held, what="the first GET")
    gate.release()
    assert {reader.result().status for reader in readers} == {404}
