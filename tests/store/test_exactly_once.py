"""A snapshot is counted once, however often it is written, and whole or not at all."""

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable

BOTH_ENGINES = True


def test_the_same_snapshot_again_is_ignored(make, writer, read) -> None:
    full = make.snapshot(
        make.row([1.0]), errors=(make.error("x"),), samples=(make.sample(1.0),), lost={"names": 2},
        running=(make.running(make.now),),
    )  # fmt: skip
    for _ in range(3):
        writer.write(full)
    with read() as reader:
        assert reader.totals(make.always).calls == 1
        assert [error.count for error in reader.errors(make.always)] == [1]
        assert len(reader.samples(make.always)) == 1
        assert reader.health().lost == {"names": 2}
        assert len(reader.running(0)) == 1


def test_an_older_snapshot_is_ignored_and_a_later_one_is_not(make, engine, writer, read) -> None:
    first, second, third = (make.snapshot(make.row([1.0])) for _ in range(3))
    writer.write(second)
    writer.write(first)
    engine.writer().write(second)
    writer.write(third)
    assert read().totals(make.always).calls == 2


def test_each_instance_has_numbers_of_its_own(make, writer, read) -> None:
    for one in (make, make.other("two"), make.other("three")):
        writer.write(one.snapshot(make.row([1.0])))
    with read() as reader:
        assert reader.totals(make.always).calls == 3
        assert {instance.id for instance in reader.instances()} == {"one", "two", "three"}


def test_a_snapshot_that_fails_half_way_leaves_nothing(make, path, writer, read, opened) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    with opened() as other:
        other.execute("CREATE TRIGGER no_samples BEFORE INSERT ON sample BEGIN SELECT RAISE(ABORT, 'no room'); END")
    second = make.snapshot(make.row([2.0]), errors=(make.error("x"),), samples=(make.sample(2.0),))
    with pytest.raises(StoreUnavailable, match=r"store\.db cannot be written: no room"):
        writer.write(second)
    with read() as reader:
        assert reader.totals(make.always).calls == 1
        assert reader.errors(make.always) == []
    with opened() as other:
        other.execute("DROP TRIGGER no_samples")
    writer.write(second)
    assert read().totals(make.always).calls == 2
