"""The endpoint client against a server of our own: faults, budgets, pressure."""

import asyncio
import json
import time

import pytest

pytest.importorskip("aiohttp", reason="the extra [endpoint] is not installed")

from endpoint_stub import Faults, StubServer, run_stub
from lineament.endpoint import (
    EndpointClient,
    Price,
    Reply,
    Request,
    Settings,
    estimate_cost,
    estimate_tokens,
    parse_object,
)
from lineament.endpoint.client import read_retry_after
from lineament.endpoint.flow import Gate
from lineament.errors import BadInput, BudgetSpent, EndpointFailed

PRICE = Price(input_per_million=1.0, output_per_million=10.0)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def ask(text="Is she smiling?", **values):
    return Request(({"role": "user", "content": text},), key=text, **values)


def settings(url, **values):
    quick = {"retry_seconds": 0.01, "breaker_seconds": 0.05, "timeout_seconds": 60.0}
    return Settings(url, "stub", **(quick | values))


def complete(url, *requests, **values):
    """Send requests, and return what came, and the client."""

    async def run():
        async with EndpointClient(settings(url, **values)) as client:
            return [item async for item in client.complete_all(requests)], client

    return asyncio.run(run())


def test_every_request_comes_back_once_with_its_key():
    server = StubServer(lambda body: body["messages"][0]["content"].upper())
    with run_stub(server) as url:
        replies, client = complete(url, *(ask(f"q{n}") for n in range(200)))
    assert {r.request.key: r.text for r in replies} == {f"q{n}": f"Q{n}" for n in range(200)}
    assert client.usage.num_replies == client.usage.num_requests == 200


def test_errors_cut_connections_and_broken_json_are_tried_again():
    faults = Faults(error_share=0.15, cut_share=0.1, malformed_share=0.1, seed=3)
    server = StubServer("Yes.", faults)
    with run_stub(server) as url:
        replies, client = complete(
            url, *(ask(f"q{n}") for n in range(150)), max_attempts=12, breaker_failures=50
        )
    assert sorted(r.request.key for r in replies) == sorted(f"q{n}" for n in range(150))
    assert all(isinstance(reply, Reply) for reply in replies)
    assert client.usage.num_failures > 20
    assert server.statuses[500] > 5
    assert server.statuses[499] > 3


def test_what_never_works_comes_back_with_its_error_and_the_others_without():
    def answer(body):
        return "no object" if "q3" in body["messages"][0]["content"] else '{"a": "x"}'

    with run_stub(StubServer(answer)) as url:
        items, _ = complete(url, *(ask(f"q{n}", schema=SCHEMA) for n in range(6)), max_attempts=3)
    failed = [item for item in items if not isinstance(item, Reply)]
    assert len(items) == 6
    ((request, error),) = failed
    assert request.key == "q3"
    assert isinstance(error, EndpointFailed)
    assert "no JSON object" in error.message


def test_concurrency_settles_near_the_servers_capacity():
    faults = Faults(latency_seconds=0.01, capacity=12)
    server = StubServer("Yes.", faults)
    with run_stub(server) as url:
        replies, client = complete(url, *(ask(f"q{n}") for n in range(500)), start_in_flight=64)
    assert len(replies) == 500
    assert 4 <= client.gate.limit <= 24
    assert server.statuses[429] < 0.4 * 500


def test_concurrency_grows_to_the_ceiling_where_nothing_is_refused():
    server = StubServer("Yes.", Faults(latency_seconds=0.02))
    with run_stub(server) as url:
        _, client = complete(url, *(ask(f"q{n}") for n in range(400)), start_in_flight=2)
    assert client.gate.limit == 64
    assert 16 < server.most_in_flight <= 64  # less than 64 where the machine is busy


def test_retry_after_is_honoured():
    # The second of two at a time is refused, since there is room for one.
    faults = Faults(capacity=1, latency_seconds=0.05, retry_after="0.4")
    server = StubServer("Yes.", faults)
    with run_stub(server) as url:
        start = time.monotonic()
        replies, client = complete(url, ask("q0"), ask("q1"), start_in_flight=2)
    assert len(replies) == 2
    assert client.usage.num_refusals >= 1
    assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("2", 2, 2), ("", 0, 0), ("soon", 0, 0), ("-4", 0, 0), ("nan", 0, 0), ("1e9", 120, 120),
     ("Fri, 31 Dec 2100 23:59:59 GMT", 120, 120)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_within_reason(text, least, most):
    assert least <= read_retry_after(text) <= most


def test_a_refusal_cuts_once_a_round_and_successes_add_slowly_after_it():
    gate = Gate(64, 64)
    sent_at = time.monotonic()
    gate.cut(sent_at, 0.0)
    after = gate.limit
    gate.cut(sent_at, 0.0)  # sent before the cut: known already
    assert after == gate.limit == pytest.approx(44.8)
    for _ in range(45):
        gate.widen()
    assert 45.5 < gate.limit < 46.5


def test_requests_leave_one_after_the_other_once_it_is_known_how_long_answers_take():
    async def run():
        gate = Gate(64, 64)
        for _ in range(64):
            await gate.enter()  # nothing is known yet: all leave at once
        gate.widen(60.0)
        for _ in range(64):
            gate.leave()
        waiting = [asyncio.create_task(gate.enter()) for _ in range(64)]
        await asyncio.sleep(0)
        num_at_once = gate.num_in_flight
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return num_at_once

    assert 1 <= asyncio.run(run()) <= 6


def test_every_request_gets_its_place_whatever_others_do():
    async def run():
        gate = Gate(4, 4)
        gate.widen(0.02)
        done = []

        async def work(number):
            await gate.enter()
            assert gate.num_in_flight <= 4
            await asyncio.sleep(0.002)
            gate.leave()
            done.append(number)

        tasks = [asyncio.create_task(work(number)) for number in range(40)]
        await asyncio.sleep(0.01)
        gate.cut(time.monotonic(), 0.02)
        for task in tasks[10:20]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(done), sum(task.cancelled() for task in tasks)

    num_done, num_cancelled = asyncio.run(run())
    assert (num_done + num_cancelled) == 40
    assert num_done >= 30


def test_a_budget_in_tokens_is_exceeded_by_no_more_than_was_in_flight():
    server = StubServer("Yes.", Faults(latency_seconds=0.01))
    requests = [ask(f"q{n}") for n in range(400)]
    with run_stub(server) as url, pytest.raises(BudgetSpent):
        complete(url, *requests, budget_tokens=1500, max_in_flight=8)
    # Every answer is counted as 30 tokens: 50 reach the budget, 7 more may be on the way.
    assert 50 <= server.statuses[200] <= 57


def test_what_was_paid_comes_back_before_a_spent_budget_is_raised():
    server = StubServer("Yes.", Faults(latency_seconds=0.005))
    got = []

    async def run(url):
        async with EndpointClient(settings(url, price=PRICE, budget_money=0.0042)) as client:
            async for reply in client.complete_all(ask(f"q{n}") for n in range(200)):
                got.append(reply)  # noqa: PERF401 - the error comes after them

    with run_stub(server) as url, pytest.raises(BudgetSpent, match=r"of 0\.0042 are spent"):
        asyncio.run(run(url))
    assert len(got) == server.statuses[200] >= 20
    assert got[0].money == pytest.approx(0.00021)


def test_cut_connections_count_as_paid_in_full():
    server = StubServer("Yes.", Faults(cut_share=1.0))
    with run_stub(server) as url:
        _, client = complete(url, ask("a" * 400, max_tokens=100), max_attempts=2)
    assert client.usage.output_tokens == 200
    assert client.usage.input_tokens >= 200


def test_a_server_that_only_fails_is_left_alone():
    server = StubServer("Yes.", Faults(error_share=1.0))
    with run_stub(server) as url, pytest.raises(EndpointFailed, match="only fails"):
        complete(
            url, *(ask(f"q{n}") for n in range(500)),
            breaker_failures=10, max_openings=2, max_attempts=50, max_in_flight=4,
        )  # fmt: skip
    assert server.statuses[500] < 40


def test_a_server_that_recovers_is_used_again():
    server = StubServer("Yes.", Faults(first_status=[500] * 12))
    with run_stub(server) as url:
        replies, client = complete(
            url, *(ask(f"q{n}") for n in range(30)), breaker_failures=5, max_attempts=30
        )
    assert len(replies) == 30
    assert client.breaker.num_openings == 0


def test_nobody_listening_ends_in_one_error():
    items, _ = complete("http://127.0.0.1:9/v1", ask(), max_attempts=2)
    ((_, error),) = items
    assert "2 attempts failed" in error.message


def test_a_wrong_key_stops_everything_and_is_not_told():
    server = StubServer()
    server.key = "right"
    with run_stub(server) as url, pytest.raises(BadInput, match="HTTP 401") as caught:
        complete(url, *(ask(f"q{n}") for n in range(50)), api_key="secret-key")
    assert "secret" not in caught.value.message
    assert "secret" not in repr(settings(url, api_key="secret-key"))
    assert "key" in caught.value.hint


def test_a_request_the_server_cannot_use_is_not_sent_again():
    server = StubServer("Yes.", Faults(first_status=[422]))
    with run_stub(server) as url:
        items, client = complete(url, ask())
    assert client.usage.num_requests == 1
    assert "422" in items[0][1].message


@pytest.mark.parametrize(
    ("has_schema", "has_json", "kinds"),
    [(True, True, ["json_schema"]), (False, True, ["json_schema", "json_object"]),
     (False, False, ["json_schema", "json_object", None])],
)  # fmt: skip
def test_structured_output_is_used_as_far_as_the_server_has_it(has_schema, has_json, kinds):
    server = StubServer(
        '```json\n{"a": "b"}\n```', Faults(has_schema=has_schema, has_json=has_json)
    )
    with run_stub(server) as url:
        (first,), client = complete(url, ask(schema=SCHEMA))
        assert first.parsed == {"a": "b"}
    seen = [(body.get("response_format") or {}).get("type") for body in server.bodies]
    assert seen == kinds
    assert client.structure == (kinds[-1] or "none")


def test_tokens_are_estimated_where_the_server_does_not_count():
    server = StubServer("four words are here", Faults(has_usage=False))
    with run_stub(server) as url:
        (reply,), _ = complete(url, ask("a" * 100))
    assert (reply.input_tokens, reply.output_tokens) == (29, 5)


def test_a_dry_run_counts_text_and_pictures_and_sends_nothing():
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}}
    content = [{"type": "text", "text": "a" * 400}, picture, picture]
    request = Request(({"role": "user", "content": content},), max_tokens=200)
    assert estimate_tokens(request.messages) == 4 + 100 + 2 * 255
    estimate = estimate_cost([request] * 1000, PRICE)
    assert (estimate.num_requests, estimate.input_tokens) == (1000, 614_000)
    assert estimate.money == pytest.approx(0.614 + 1.0)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [('{"a": 1}', {"a": 1}), ('Sure: {"a": 1}.', {"a": 1}), ("[1]", None), ("", None),
     ("{" * 5000, None), ('{"a": ', None)],
)  # fmt: skip
def test_an_object_is_found_in_an_answer_or_not(text, parsed):
    assert parse_object(text) == parsed


@pytest.mark.parametrize(
    "values",
    [{"url": "ftp://x/v1"}, {"url": "nonsense"}, {"model": ""}, {"max_in_flight": 0},
     {"budget_money": 3.0}],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(values):
    with pytest.raises(BadInput, match="endpoint: "):
        Settings(**({"url": "http://127.0.0.1:1/v1", "model": "m"} | values))


def test_the_body_is_plain_json():
    body = json.loads(json.dumps(ask(schema=SCHEMA, seed=4).body("m")))
    assert body["seed"] == 4
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
