"""How the cost of a batch and of each question grows: with the years stored, and with the houses.

    python -m tests.bench.growth

Prints two tables of medians in ms: 0.1, 1 and 10 years of one house, and a month of 1, 10, 100 and
1,000 houses, each in a database of its own on one server. The rollups are as dense as in life. The
raw rows are thinner: one in 30 s, of many houses one in 300 s; ten years of one in 5 s would be 63
million. A batch is 500 samples with all fields, newer than what is there. All databases are asked
in turn, of many houses each time another one, through Flask's test client; there is no Redis.

What is not flat, and why:

- ``all`` shows every month, and judges each day of each counter anew.
- ``day`` with many houses: rows are stored as they come, so those of one house lie on pages of
  their own, 288 for a day where a lone house has 18. ``month`` and ``year``, likewise, by less.
"""

import json
from collections.abc import Callable, Iterator

from server import create_app
from tests.bench.decade import queries
from tests.bench.decade_data import ZONE
from tests.bench.growth_data import Stock, fill
from tests.bench.paired import Line, beside, spent_s
from tests.bench.samples import batches
from tests.bench.servers import Servers, started

YEARS = [Stock("0.1 years", 36, raw_step_s=30), Stock("1 year", 36, 10, raw_step_s=30)]
YEARS.append(Stock("10 years", 36, 100, raw_step_s=30))
HOUSES = [Stock(f"{n:,} house{'s' * (n > 1)}", 30, houses=n) for n in (1, 10, 100, 1000)]
ROUNDS, BATCH = 20, 500
QUICK = [
    [Stock("3 days", 3), Stock("6 days", 3, turns=2)],
    [Stock("1 house", 3), Stock("3 houses", 3, houses=3)],
]
QUICK_ROUNDS, QUICK_BATCH = 2, 20
Ask = Callable[[int], float]


def lines(quick: bool) -> Iterator[Line]:
    """Measure both ways to grow: a line for each question and stock."""
    rounds, batch = (QUICK_ROUNDS, QUICK_BATCH) if quick else (ROUNDS, BATCH)
    for stocks in QUICK if quick else (YEARS, HOUSES):
        with started() as servers:
            yield from _grown(servers, stocks, rounds, batch)


def _grown(servers: Servers, stocks: list[Stock], rounds: int, batch: int) -> Iterator[Line]:
    clients = [_client(servers, stock) for stock in stocks]
    # Ingest comes last: its samples, with counters by chance, would be history for the frames.
    for name, asked in {**_questions(stocks[0].days), "ingest": None}.items():
        asks = [
            _gets(client, stock, *asked) if asked else _posts(client, stock, batch)
            for client, stock in zip(clients, stocks, strict=True)
        ]
        spent = _in_turn(asks, rounds)
        for stock, one in zip(stocks, spent, strict=True):
            pairs = list(zip(one, spent[0], strict=True))
            yield beside(
                f"growth, {name}: {stock.label}", "ms", pairs, note=f"limit: {stocks[0].label}"
            )


def _questions(days: int) -> dict[str, tuple[str, dict]]:
    """Return path and query of each, by name."""
    series = queries(days)
    curve = series["5 minutes of a day"]
    return {
        **{name: ("/v1/series", query) for name, query in series.items()},
        "gaps of a day": ("/v1/gaps", {"from": curve["from"], "to": curve["to"]}),
        "realtime": ("/v1/realtime", {}),
    }


def _client(servers: Servers, stock: Stock):
    url = servers.database(SITE_TIMEZONE=ZONE)
    fill(url, stock)
    tokens = ",".join(f"of-{house}:{house}" for house in map(stock.house, range(stock.houses)))
    app = create_app({"DATABASE_URL": url, "DEVICE_TOKENS": tokens, "LOG_LEVEL": "WARNING"})
    return app.test_client()


def _gets(client, stock: Stock, path: str, query: dict) -> Ask:
    def ask(number: int) -> float:
        house = stock.house(37 * number)
        asked = {"query_string": {"device_id": house, **query}, "headers": _of(house)}
        return _spent_ms(lambda: client.get(path, **asked))

    return ask


def _posts(client, stock: Stock, size: int) -> Ask:
    def ask(number: int) -> float:
        house = stock.house(37 * number)
        (batch,) = batches(1, size, house, first=number * size)
        body = json.dumps({"samples": batch})
        return _spent_ms(lambda: client.post("/v1/ingest", data=body, headers=_of(house)))

    return ask


def _of(house: str) -> dict[str, str]:
    return {"Authorization": f"Bearer of-{house}"}


def _spent_ms(send: Callable) -> float:
    answers = []
    ms = spent_s(lambda: answers.append(send())) * 1000
    assert answers[0].status_code == 200, answers[0].text
    return ms


def _in_turn(asks: list[Ask], rounds: int) -> list[list[float]]:
    """Return the ms of each round of each; the first two rounds warm caches and do not count."""
    spent = [[] for _ in asks]
    for number in range(rounds + 2):
        for turn in range(len(asks)):
            at = (turn + number) % len(asks)
            spent[at].append(asks[at](number))
    return [figures[2:] for figures in spent]


def _print(heading: str, stocks: list[Stock], found: list[Line]) -> None:
    print(f"\n{heading}\n\n| ms | {' | '.join(stock.label for stock in stocks)} | last / first |")
    print("|---" * (len(stocks) + 2) + "|")
    for first in range(0, len(found), len(stocks)):
        row = found[first : first + len(stocks)]
        name = row[0].name.removeprefix("growth, ").partition(":")[0]
        figures = " | ".join(f"{line.ours:.1f}" for line in row)
        print(f"| {name} | {figures} | {row[-1].ratio:.2f} |")


if __name__ == "__main__":
    every = list(lines(quick=False))
    cut = len(every) * len(YEARS) // (len(YEARS) + len(HOUSES))
    _print("One house; a raw row in 30 s, rollups complete", YEARS, every[:cut])
    _print("A month of each house; a raw row in 300 s, rollups complete", HOUSES, every[cut:])
