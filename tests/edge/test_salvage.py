"""Damage to the spool's files, at start and while it runs: noticed, moved aside, brought over."""

import random
import shutil
from pathlib import Path

import pytest

from edge_lib.spool import file as spool_file
from edge_lib.spool import schema, wal
from edge_lib.spool.errors import SpoolError
from edge_lib.spool.gaps import Gap
from edge_lib.spool.kinds import KINDS, SAMPLES
from edge_lib.spool.readings import of_sample
from edge_lib.spool.recovery.pages import Pages
from edge_lib.spool.reports import Slot
from edge_lib.spool.spool import Spool
from tests.bench.spool import reading as household
from tests.edge.test_spool_disks import drain, state
from tests.support.clocks import BOOT, EARLIER, START, FakeClock
from tests.support.disks import nothing_can_be_written
from tests.support.quick import quick
from tests.support.samples import a_sample
from tests.support.spooling import S, ask, crash, database, ids, put, seqs

pytestmark = pytest.mark.slow  # each case damages a spool and brings it over

COUNT, DELIVERED = 3000, 1200
PROVISIONAL = 20
PAGE = spool_file.PAGE_SIZE_BYTES
MOST_LOST = COUNT // 1000


def sample(seq, boot=BOOT, **changes):
    return household(seq, random.Random(seq)) | {"boot": boot, "seq": seq} | changes


def fill(spool, count=COUNT, delivered=DELIVERED):
    rows = [of_sample(sample(seq), 5 * seq * S) for seq in range(1, count + 1)]
    database(spool).put(rows)
    spool.delivered(range(1, delivered + 1))
    for seq in range(1, PROVISIONAL + 1):
        spool.put(sample(seq, EARLIER, ts_src=2, ts=f"2020-01-01T00:00:{seq:02}Z"), seq * S)
    spool.park_words({5017: 1}, "unfit", START, BOOT, count + 1, S, 0)
    put(spool, count + 2)
    database(spool).put([of_sample(a_sample(count + 3), S)], {SAMPLES: Gap(1, 2, 7)})


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A spool after a clean end: all is in the file."""
    path = tmp_path_factory.mktemp("filled") / "spool.db"
    with Spool.strict(path) as spool:
        fill(spool)
    return path


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A spool as a kill leaves it: all is in the log."""
    folder = tmp_path_factory.mktemp("crashed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_file, "CHECKPOINT_PAGES", 1_000_000)
        with Spool.strict(folder / "live.db") as spool:
            for seq in range(1, 801):
                put(spool, seq)
            for part in ("", "-wal"):
                shutil.copy(folder / f"live.db{part}", folder / f"spool.db{part}")
    return folder / "spool.db"


@pytest.fixture
def clock():
    return FakeClock(passed_s=100_000.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


def copy_of(source, path):
    for part in ("", "-wal"):
        if Path(f"{source}{part}").exists():
            shutil.copy(f"{source}{part}", f"{path}{part}")
    Path(f"{path}.lock").touch()


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def pages_of(path):
    return path.stat().st_size // PAGE


def random_page(path, dice):
    overwrite(path, dice.randrange(1, pages_of(path)) * PAGE, dice.randbytes(PAGE))


def zero_page(path, dice):
    overwrite(path, dice.randrange(1, pages_of(path)) * PAGE, bytes(PAGE))


def zero_header(path, dice):
    overwrite(path, 0, bytes(100))


def noise_for_the_first_page(path, dice):
    overwrite(path, 0, dice.randbytes(PAGE))


def other_version(path, dice):
    overwrite(path, 60, (schema.SCHEMA ^ 1 << dice.randrange(32)).to_bytes(4))


def other_page_size(path, dice):
    overwrite(path, 16, dice.randbytes(2))


HARM = [
    random_page,
    zero_page,
    zero_header,
    noise_for_the_first_page,
    other_version,
    other_page_size,
]
CASES = [(harm, seed) for seed in range(3) for harm in HARM]
NAMES = [f"{harm.__name__}-{seed}" for harm, seed in CASES]


def salvage_all(store, clock):
    for _ in range(1000):
        store.salvage()
        clock.passed_s += 5
        if not store.figures()["unsalvaged_spools"]:
            return
    raise AssertionError("salvage has no end")


def kept(path):
    """Return what the spool holds: (boot, seq) -> queued, delivered or provisional."""
    sql = (
        "SELECT boot, seq, CASE WHEN ts_src = 2 THEN 'provisional'"
        " WHEN id IN (SELECT id FROM queue) THEN 'queued'"
        " WHEN id IN (SELECT id FROM delivered) THEN 'delivered' END FROM samples"
    )
    found = ask(path, sql)
    states = {(boot, seq): state for boot, seq, state in found}
    assert len(states) == len(found)
    return states


def asides(path):
    return sorted(
        one.name
        for one in path.parent.glob("spool.corrupt-*")
        if not one.name.endswith(("-wal", "-shm", ".salvaged"))
    )


def assert_brought_over(path, expected):
    """All but a few are there, none is delivered that was not."""
    found = kept(path)
    lost = [one for one in expected if one not in found]
    assert len(lost) <= MOST_LOST, lost
    assert {
        one: (state, found[one])
        for one, state in expected.items()
        if one in found and found[one] not in (state, "queued")
    } == {}
    return len(lost)


# At the start


@pytest.mark.parametrize(("harm", "seed"), quick(CASES, len(HARM)), ids=NAMES)
def test_a_damaged_spool_is_moved_aside_at_the_start_and_brought_over(
    filled, path, clock, harm, seed
):
    expected = kept(filled)
    copy_of(filled, path)
    harm(path, random.Random(seed))
    if spool_file.damage(path, thorough=True) is None and harm is other_page_size:
        pytest.skip("the same page size by chance")
    store = Spool(path, 7, clock)
    first = store.last_seq(BOOT) + 1
    assert first >= COUNT + 3
    store.put(sample(first), 5)
    salvage_all(store, clock)
    figures = store.figures()
    store.close()
    # What only an index held is noticed when it is used.
    if not asides(path):
        assert spool_file.damage(path, thorough=False) is None
        return
    lost = assert_brought_over(path, expected | {(BOOT, first): "queued"})
    assert figures["unreadable_count"] >= lost
    assert figures["salvaged_count"] >= len(expected) - lost
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert [reason for (reason,) in ask(path, "SELECT reason FROM parked")][:1] == ["unfit"]
    assert ask(path, "SELECT from_us, to_us, count FROM gaps") == [(1, 2, 7)]


def fill_both(spool, count=60):
    """Put in readings of both kinds in every state, under the same ids, times and numbers."""
    for seq in range(1, count + 1):
        for kind in KINDS:
            spool.put(sample(seq, pv_power_w=seq + 1000 * KINDS.index(kind)), 5 * seq * S, kind)
    for kind, delivered in zip(KINDS, (20, 30), strict=True):
        spool.delivered(range(1, delivered + 1), kind)
        spool.park({delivered + 1: f"refused {kind.name}"}, kind)
        spool.note_gap(Gap(1, 2, 7 + delivered), "thinned", kind)
        slot = Slot(BOOT, 900_000_000, delivered, {}, kind=kind)
        spool.write_slot(slot)
        spool.put(sample(1, EARLIER, ts_src=2, ts="2020-01-01T00:00:01Z"), S, kind)
    put(spool, count + 1)


def of_both(path) -> dict:
    """Return what the spool holds of each kind."""
    found = {}
    for kind in KINDS:
        sql = (
            "SELECT boot, seq, json_extract(payload, '$.pv_power_w'),"
            " CASE WHEN ts_src = 2 THEN 'provisional'"
            " WHEN id IN (SELECT id FROM queue) THEN 'queued'"
            " WHEN id IN (SELECT id FROM delivered) THEN 'delivered' END FROM samples ORDER BY 1, 2"
        )
        found[kind.name] = (
            ask(path, kind.sql(sql)),
            ask(path, kind.sql("SELECT seq, reason, content FROM parked")),
            ask(path, kind.sql("SELECT from_us, to_us, count FROM gaps")),
            ask(path, kind.sql("SELECT boot, slot_us, content FROM reports")),
            ask(path, kind.sql("SELECT boot, last_seq FROM boots ORDER BY 1")),
        )
    return found


def test_readings_of_both_kinds_are_brought_over_each_to_its_own(path, clock):
    with Spool.strict(path) as spool:
        fill_both(spool)
    expected = of_both(path)
    assert [len(expected[kind.name][0]) for kind in KINDS] == [61, 60]
    Path(f"{path}.lock").touch()
    zero_header(path, None)
    store = Spool(path, 7, clock)
    salvage_all(store, clock)
    figures = store.figures()
    assert [store.last_seq(BOOT, kind) for kind in KINDS] == [61, 60]
    store.close()
    assert of_both(path) == expected
    assert (figures["salvaged_count"], figures["unreadable_count"]) == (121, 0)
    assert ask(path, "SELECT count(*) FROM damaged") == [(0,)]


def test_what_is_left_of_half_a_file_is_brought_over(filled, path, clock):
    copy_of(filled, path)
    half = path.stat().st_size // 2 // PAGE * PAGE
    with path.open("r+b") as file:
        file.truncate(half)
    store = Spool(path, 7, clock)
    salvage_all(store, clock)
    store.close()
    assert len(kept(path)) >= 0.4 * COUNT
    assert kept(path).items() <= kept(filled).items() | {(one, "queued") for one in kept(filled)}


def test_a_whole_spool_is_left_alone(filled, crashed, tmp_path, clock):
    for source in (filled, crashed):
        path = tmp_path / source.parent.name
        path.mkdir()
        copy_of(source, path / "spool.db")
        store = Spool(path / "spool.db", 7, clock)
        assert asides(path / "spool.db") == []
        store.close()
        copy_of(source, tmp_path / f"{source.parent.name}.db")
        assert kept(path / "spool.db") == kept(tmp_path / f"{source.parent.name}.db")


def test_a_file_that_never_was_a_spool_is_refused_and_left_alone(path, clock):
    content = b"somebody's diary, which is not ours to move" * 100
    path.write_bytes(content)
    with pytest.raises(SpoolError, match="is not a spool, and is left alone"):
        Spool(path, 7, clock)
    assert path.read_bytes() == content


def test_each_flipped_bit_in_a_row_costs_that_row_at_most_and_is_told(filled, path, clock):
    copy_of(filled, path)
    dice = random.Random(7)
    for _ in range(5):
        offset = dice.randrange(PAGE, path.stat().st_size)
        byte = path.read_bytes()[offset]
        overwrite(path, offset, bytes([byte ^ 1 << dice.randrange(8)]))
    store = Spool(path, 7, clock)
    sent = drain(store, clock)
    salvage_all(store, clock)
    sent += drain(store, clock)
    parked = [entry["seq"] for entry in store.unreported_parked(99)]
    store.close()
    wanted = set(range(DELIVERED + 1, COUNT + 1))
    missing = wanted - set(sent)
    assert len(missing) <= 5
    assert missing <= set(parked)


# The log


def frames_of(path):
    return (Path(f"{path}-wal").stat().st_size - 32) // (24 + PAGE)


@pytest.mark.parametrize("seed", quick(range(8), every=3))
def test_a_flipped_bit_in_the_log_is_noticed_and_costs_a_row_at_most(crashed, path, clock, seed):
    copy_of(crashed, path)
    dice, log = random.Random(seed), Path(f"{path}-wal")
    offset = dice.randrange(0, 32) if seed < 3 else dice.randrange(32, log.stat().st_size - 20_000)
    byte = log.read_bytes()[offset]
    overwrite(log, offset, bytes([byte ^ 1 << dice.randrange(8)]))
    store = Spool(path, 7, clock)
    assert len(asides(path)) == 1
    seq = store.last_seq(BOOT) + 1
    assert seq > 800
    put(store, seq)
    salvage_all(store, clock)
    store.close()
    assert len({seq for _, seq in kept(path)} & set(range(1, 801))) >= 799


def test_a_log_cut_short_by_a_power_cut_is_no_damage(crashed, tmp_path, clock):
    dice = random.Random(5)
    for number in range(6):
        path = tmp_path / str(number) / "spool.db"
        path.parent.mkdir()
        copy_of(crashed, path)
        log = Path(f"{path}-wal")
        frame = 32 + (frames_of(path) - dice.randrange(1, 4)) * (24 + PAGE)
        if number % 3 == 0:
            overwrite(log, frame, dice.randbytes(log.stat().st_size - frame))
        elif number % 3 == 1:
            overwrite(log, frame + dice.randrange(500), bytes(24))
        else:
            with log.open("r+b") as file:
                file.truncate(frame + dice.randrange(500))
        store = Spool(path, 7, clock)
        assert asides(path) == []
        assert len(store.oldest(1000)) >= 799
        store.close()


def test_a_log_that_begins_a_new_round_is_no_damage(path):
    with Spool.strict(path) as spool:
        for seq in range(1, 301):
            put(spool, seq)
        ask(path, "PRAGMA wal_checkpoint(PASSIVE)")
        log = Path(f"{path}-wal")
        old = log.read_bytes()
        put(spool, 301)
        new = log.read_bytes()
        assert not wal.is_damaged(log, PAGE)
        # A crash between the new header and the first frame of the new round.
        half = path.with_name("half-wal")
        half.write_bytes(new[:32] + old[32:])
        assert new[:32] != old[:32]
        assert not wal.is_damaged(half, PAGE)


def test_a_new_round_whose_header_is_cut_short_is_no_damage_and_costs_no_row(path, tmp_path):
    with Spool.strict(path) as spool:
        for seq in range(1, 301):
            put(spool, seq)
        ask(path, "PRAGMA wal_checkpoint(PASSIVE)")
        database, old = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        put(spool, 301)
        new = Path(f"{path}-wal").read_bytes()
    torn = tmp_path / "torn.db"
    log = Path(f"{torn}-wal")
    for written in range(1, 32):
        torn.write_bytes(database)
        log.write_bytes(new[:written] + old[written:])
        assert not wal.is_damaged(log, PAGE), written
        with Spool.strict(torn) as spool:
            put(spool, 301)
            assert [row.sample["seq"] for row in spool.oldest(400)] == [*range(1, 302)]
    log.write_bytes(new[:16] + old[16:])
    torn.write_bytes(database[:-PAGE] + bytes(PAGE))
    assert wal.is_damaged(log, PAGE), "the database lacks a page of it"


def test_page_by_page_the_rows_are_those_that_sqlite_reads(crashed, filled, path):
    for source in (crashed, filled):
        copy_of(source, path)
        pages = Pages(source)
        cells = [cell for part in pages.numbers for n in part for cell in pages.cells(n)]
        pages.close()
        samples = {c.rowid: c.values[1:] for c in cells if c.values and len(c.values) == 8}
        assert samples == {row[0]: row[1:] for row in ask(path, "SELECT * FROM samples")}
        queued = {cell.rowid for cell in cells if cell.values == (None,)}
        assert queued == {row for (row,) in ask(path, "SELECT id FROM queue")}


# While it runs


@pytest.mark.parametrize("seed", quick(range(4), 2))
def test_damage_while_it_runs_is_noticed_and_polls_go_on_in_the_same_step(
    filled, path, clock, seed
):
    copy_of(filled, path)
    expected = kept(path)
    store = Spool(path, 7, clock)
    dice = random.Random(seed)
    for _ in range(3 if seed else 1):
        (random_page if seed else zero_header)(path, dice)
    seq = COUNT + 10
    while not asides(path) and seq < COUNT + 60:
        put(store, seq)
        assert (state(store), store.figures()["ring_count"]) == ("ok", 0)
        store.oldest(500)
        store.newest(500)
        seq += 1
        clock.passed_s += 5
    if not asides(path):  # the damage lies where nobody looks: the next start finds it
        store.close()
        store = Spool(path, 7, clock)
    put(store, seq)
    salvage_all(store, clock)
    put(store, seq + 1)
    assert seqs(store.newest(1)) != []
    store.close()
    new = {(BOOT, n): "queued" for n in range(COUNT + 10, seq + 2)}
    assert_brought_over(path, expected | new)


def test_a_file_that_nothing_is_wrong_with_goes_at_the_third_failure(path, clock):
    store = Spool(path, 7, clock)
    for seq in range(1, 11):
        put(store, seq)
    ask(path, "CREATE TRIGGER t BEFORE INSERT ON queue BEGIN SELECT raise(ABORT, 'why?'); END")
    for seq in range(11, 14):
        put(store, seq)
        clock.passed_s += 5
    assert len(asides(path)) == 1
    assert store.figures()["ring_count"] == 0
    salvage_all(store, clock)
    assert sorted(drain(store, clock)) == list(range(1, 14))
    store.close()


def test_a_dead_disk_never_blames_the_file(path, clock):
    store = Spool(path, 7, clock)
    put(store, 1)
    with nothing_can_be_written():
        for seq in range(2, 12):
            put(store, seq)
            clock.passed_s += 5
    put(store, 12)
    assert asides(path) == []
    assert drain(store, clock) == list(range(1, 13))
    store.close()


def test_a_late_receipt_of_the_old_file_names_nothing_in_the_new_one(path, clock):
    store = Spool(path, 7, clock)
    for seq in range(1, 11):
        put(store, seq)
    sent = ids(store.oldest(10))  # and the answer is on its way
    store._attempts._shut()
    zero_header(path, None)
    put(store, 11)
    assert len(asides(path)) == 1
    store.delivered(sent)
    salvage_all(store, clock)
    assert sorted(drain(store, clock)) == list(range(1, 12))
    store.close()


# Bringing over


def test_salvage_goes_on_after_a_restart_and_doubles_nothing(filled, path, clock):
    copy_of(filled, path)
    expected = kept(path)
    zero_header(path, None)
    store = Spool(path, 7, clock)
    for _ in range(15):
        store._salvager.step(store._attempts.opener.asides, store._write)
    assert 0 < len(kept(path)) < len(expected)
    store.retime(BOOT, 0)
    crash(store)
    store._attempts.opener.close()
    store = Spool(path, 7, clock)
    assert store.figures()["unsalvaged_spools"] == 1
    for _ in range(3):
        store.salvage()
    store.retime(BOOT, 0)
    salvage_all(store, clock)
    store.close()
    found = kept(path)
    assert found.keys() == expected.keys()
    store = Spool(path, 7, clock)
    assert store.figures()["unsalvaged_spools"] == 0
    assert store.figures()["salvaged_count"] == len(expected)
    store.close()


def test_a_corrected_time_that_lies_beside_its_old_self_is_brought_over_once(path, clock):
    store = Spool(path, 7, clock)
    for seq in range(1, 41):
        put(store, seq, ts_src=2, boottime_s=seq)
    store.retime(BOOT, 1_700_000_000_000_000)
    sent = {row.sample["seq"]: row.sample["ts"] for row in store.oldest(99)}
    store.close()
    zero_header(path, None)
    store = Spool(path, 7, clock)
    salvage_all(store, clock)
    store.retime(BOOT, 1_700_000_000_500_000)
    assert {row.sample["seq"]: row.sample["ts"] for row in store.oldest(99)} == sent
    assert len(store.oldest(99)) == 40
    store.close()


def test_what_was_deleted_is_not_brought_back(path, clock):
    with Spool.strict(path, keep_days=0) as spool:
        database(spool).put([of_sample(a_sample(seq), S) for seq in range(1, 1001)])
        spool.delivered(range(1, 991))
    first = path.read_bytes()
    overwrite(path, 60, (3).to_bytes(4))
    store = Spool(path, 0, clock)
    salvage_all(store, clock)
    assert sorted(drain(store, clock)) == list(range(991, 1001))
    store.close()
    assert first != path.read_bytes()


def test_salvage_waits_while_the_disk_fails(filled, path, clock):
    copy_of(filled, path)
    zero_header(path, None)
    store = Spool(path, 7, clock)
    with nothing_can_be_written():
        for _ in range(30):
            store.salvage()
            clock.passed_s += 5
        assert store.figures()["unsalvaged_spools"] == 1
    put(store, COUNT + 50)
    salvage_all(store, clock)
    assert len(kept(path)) == len(kept(filled)) + 1
    store.close()


def test_a_crash_while_moving_aside_tears_nothing_apart(filled, path, clock):
    live = path.with_name("live.db")
    copy_of(filled, live)
    with Spool.strict(live) as spool:
        put(spool, COUNT + 50)
        copy_of(live, path)
    expected = kept(live)
    aside = path.with_name(f"spool.corrupt-{BOOT}-1")
    Path(f"{path}-wal").rename(f"{aside}-wal")
    store = Spool(path, 7, clock)
    assert asides(path) == [aside.name]
    salvage_all(store, clock)
    store.close()
    assert kept(path).keys() == expected.keys()
