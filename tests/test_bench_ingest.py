"""The ingest benchmark runs and measures what it says; how fast a machine is, no test asserts."""

from tests.bench import ingest


def test_the_ingest_benchmark_prints_a_ratio_for_each_variant():
    lines = ingest.run(rounds=2, batch=20)
    assert [line["name"] for line in lines] == [
        "all fields",
        "all fields, all duplicates",
        "all fields, gzip",
        "nine fields",
    ]
    assert all(line["ours_rows_per_s"] > 0 < line["limit_rows_per_s"] for line in lines)
    assert all(line["ratio_min"] <= line["ratio"] <= line["ratio_max"] for line in lines)
