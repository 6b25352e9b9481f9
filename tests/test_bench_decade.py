"""The benchmark of history runs and asks what it says; how fast a machine is, no test asserts."""

from tests.bench import decade
from tests.bench.decade_data import Size


def test_the_benchmark_of_history_prints_a_ratio_for_each_question():
    size = Size(years=3, year_days=20, raw_days=1, neighbours=2)
    lines = decade.run(size, rounds=2)
    names = ["day", "month", "year", "all", "5 minutes of a day"]
    assert [line["name"] for line in lines] == names
    for line in lines:
        for part in ("database", "whole"):
            old, young = (line[f"{house}_{part}_ms"] for house in (decade.OLD, decade.YOUNG))
            assert old > 0 < young
            assert abs(line[f"{part}_ratio"] - old / young) < 0.02 * line[f"{part}_ratio"] + 0.02
