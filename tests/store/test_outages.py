"""Whatever happens to the file: a clear error, nothing lost but what was in it, and back to work when it is back."""

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable, Window
from weighbridge.transactions.store.sqlite import connection
from weighbridge.transactions.store.sqlite.schema import VERSION
from weighbridge.transactions.store.sqlite.writer import StoreWriter


def refused(writer, snapshot, match: str) -> None:
    with pytest.raises(StoreUnavailable, match=match) as caught:
        writer.write(snapshot)
    assert writer.path in str(caught.value)


def unreadable(path: str, match: str) -> None:
    with pytest.raises(StoreUnreadable, match=match) as caught:
        StoreReader.open(path)
    assert path in str(caught.value)


def test_a_relative_path_in_a_folder_that_is_gone(tmp_path, monkeypatch) -> None:
    """What was not made whole is let go of without a word."""
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with suppress(FileNotFoundError):
        connection.StoreConnection("store.db", "ro")
    assert not said


def test_a_file_that_is_missing(path) -> None:
    unreadable(path, "no such file")
    assert not Path(path).exists(), "reading makes no file"


def test_a_file_that_is_empty(path) -> None:
    Path(path).touch()
    unreadable(path, "nothing has been written to it yet")


def test_a_file_that_is_no_database(path, make, writer) -> None:
    Path(path).write_text("Dear diary, " * 500)
    before = Path(path).read_bytes()
    refused(writer, make.snapshot(), "file is not a database")
    unreadable(path, "file is not a database")
    assert Path(path).read_bytes() == before


def test_another_programs_database_is_left_alone(path, make, writer, opened) -> None:
    with opened() as other:
        other.execute("CREATE TABLE precious (value)")
    before = Path(path).read_bytes()
    refused(writer, make.snapshot(), "database of some other program")
    unreadable(path, "database of some other program")
    assert Path(path).read_bytes() == before


def test_a_newer_store_is_left_alone(path, make, writer, opened) -> None:
    writer.write(make.snapshot())
    with opened() as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    refused(
        writer, make.snapshot(), f"its version is {VERSION + 1}, and this weighbridge knows versions up to {VERSION}"
    )
    unreadable(path, f"its version is {VERSION + 1}, and this weighbridge knows versions up to {VERSION}")


def test_a_store_with_damaged_pages(path, make, writer) -> None:
    for number in range(20):
        writer.write(make.snapshot(make.row([1.0], make.page._replace(name=f"{number} {'x' * 200}"))))
    writer.close()
    with Path(path).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(Path(path).stat().st_size - 4096))
    refused(writer, make.snapshot(make.row([1.0])), "malformed|corrupt")


def test_a_directory_that_is_missing_and_then_is_there(tmp_path, make) -> None:
    writer = StoreWriter(str(tmp_path / "later" / "store.db"))
    one = make.snapshot(make.row([1.0]))
    refused(writer, one, "No such file or directory")
    (tmp_path / "later").mkdir()
    writer.write(one)
    with StoreReader.open(writer.path) as reader:
        assert reader.totals(make.always).calls == 1


def test_a_directory_that_vanishes_and_comes_back(tmp_path, make) -> None:
    place = tmp_path / "place"
    place.mkdir()
    writer = StoreWriter(str(place / "store.db"))
    writer.write(make.snapshot(make.row([1.0])))
    place.rename(tmp_path / "away")
    one = make.snapshot(make.row([2.0]))
    refused(writer, one, "No such file or directory")
    (tmp_path / "away").rename(place)
    writer.write(one)
    with StoreReader.open(writer.path) as reader:
        assert reader.totals(make.always).calls == 2
        shutil.rmtree(place)
        with pytest.raises(StoreUnreadable, match="no such file"):
            reader.totals(make.always)


def test_a_deleted_file_is_made_anew(path, make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    reader = read()
    Path(path).unlink()
    writer.write(make.snapshot(make.row([2.0])))
    assert reader.totals(make.always).maximum == read().totals(make.always).minimum == 2.0


def test_a_file_that_is_deleted_in_the_middle_of_a_write(path, make, writer, read) -> None:
    """What went to the unlinked file is not called written; again, it is written to the new one, once."""
    writer.write(make.snapshot(make.row([1.0])))
    store = writer._connection
    with pytest.raises(FileNotFoundError, match="deleted"), store.transaction():
        Path(path).unlink()
    one = make.snapshot(make.row([2.0]))
    writer.write(one)
    writer.write(one)
    assert read().totals(make.always).calls == 1


def test_a_replaced_file_is_noticed(path, make, writer, tmp_path, read) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    other = StoreWriter(str(tmp_path / "other.db"))
    other.write(make.other("two").snapshot(make.row([5.0])))
    other.close()
    (tmp_path / "other.db").replace(path)
    for end in ("-wal", "-shm"):
        Path(path + end).unlink(missing_ok=True)
    writer.write(make.snapshot(make.row([2.0])))
    assert read().totals(make.always).total == 7.0


def test_a_store_that_is_locked_too_long(path, make, writer, read, monkeypatch) -> None:
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 0.1)
    writer.write(make.snapshot(make.row([1.0])))
    one = make.snapshot(make.row([2.0]))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(writer, one, "database is locked")
    assert read().totals(make.always).calls == 1, "reading goes on"
    other.execute("ROLLBACK")
    writer.write(one)
    assert read().totals(make.always).calls == 2
    other.close()


def test_a_full_disk_and_space_again(path) -> None:
    """In a process of its own whose files may not grow: the operating system refuses, as with a full disk."""
    script = f"""
    import resource, signal, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from maker import Maker
    from weighbridge.transactions.recording.snapshot import StoreUnavailable
    from weighbridge.transactions.store.reader import StoreReader
    from weighbridge.transactions.store.sqlite.writer import StoreWriter

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    make, writer = Maker(), StoreWriter({path!r})
    writer.write(make.snapshot(make.row([1.0])))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
    refused = None
    for number in range(100):
        one = make.snapshot(make.row([2.0]), samples=(make.sample(1.0, attributes={{"x": "y" * 50_000}}),))
        try:
            writer.write(one)
        except StoreUnavailable as error:
            refused = error
            break
    assert "cannot be written" in str(refused), refused
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    writer.write(one)
    writer.write(one)
    with StoreReader.open({path!r}) as reader:
        assert reader.totals(make.always).calls == make.sequence, (reader.totals(make.always), make.sequence)
    print("refused:", refused)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path in done.stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("where", "expected"),
    [("directory", "Permission denied|unable to open"), ("file", "readonly|Permission|unable to open")],
)
def test_without_permission(make, where, expected) -> None:
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        place.chmod(0o755)
        path = str(place / "store.db")
        if where == "file":
            StoreWriter(path).write(make.snapshot(make.row([1.0])))
            Path(path).chmod(0o600)
        before = os.geteuid()
        os.seteuid(65534)
        try:
            refused(StoreWriter(path), make.snapshot(), expected)
            unreadable(path, "no such file" if where == "directory" else "unable to open|Permission")
        finally:
            os.seteuid(before)
    finally:
        shutil.rmtree(place)


def test_a_new_file_is_open_to_user_and_group_at_most(path, make, writer) -> None:
    before = os.umask(0)
    try:
        writer.write(make.snapshot())
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o660
    assert stat.S_IMODE(Path(path + "-wal").stat().st_mode) == 0o660


def full_of(make, writer: StoreWriter) -> None:
    """Something in every table, minutes and what is rolled up from them."""
    for minute in range(0, 7200, 600):
        at = make.now + minute
        rows = [make.row([0.1, 0.5], make.page._replace(name=f"{n}"), at, statuses={200: 2}) for n in range(10)]
        failed = make.sample(2.0, at, reason="failed", linked_applications=("b",), errors=(make.noticed("x"),))
        writer.write(
            make.snapshot(
                *rows, taken=at, errors=(make.error("x", minute=at),), samples=(make.sample(1.0, at), failed),
                running=(make.running(at),), lost={"names": 1},
            )
        )  # fmt: skip
    for _ in range(10):
        writer.write(make.snapshot(taken=make.now + 8 * 3600))
    writer.close()


def ask_everything(reader: StoreReader, make) -> int:
    """How many questions are answered; each of the others says that the store cannot be read."""
    window = Window(make.now - 60, make.now + 8 * 3600)
    questions = [
        *(
            partial(question, window)
            for question in (
                reader.applications, reader.application_names, reader.transactions, reader.totals, reader.histogram,
                reader.statuses, reader.samples, reader.errors,
            )
        ),
        *(partial(question, window, 600) for question in (reader.timeline, reader.error_timeline)),
        partial(reader.timelines, window, 600, [make.page._replace(name="1")]),
        partial(reader.transactions, window, limit=3),
        reader.instances, reader.links, reader.health, partial(reader.running, 0.0), partial(reader.sample, 1),
    ]  # fmt: skip
    answered = 0
    for question in questions:
        with suppress(StoreUnreadable):
            question()
            answered += 1
    return answered


def test_whatever_is_damaged_only_the_errors_that_are_told_of_come_up(path, make, writer) -> None:
    """What is written is kept by the recorder then: any other error would make it drop that."""
    full_of(make, writer)
    intact, choose = Path(path).read_bytes(), random.Random(5)
    answered = refusals = 0
    for attempt in range(80):
        damaged = bytearray(intact)
        for _ in range(choose.choice([1, 3, 30])):
            damaged[choose.randrange(100, 4096 if attempt % 4 == 0 else len(damaged))] = choose.randrange(256)
        for end in ("-wal", "-shm"):
            Path(path + end).unlink(missing_ok=True)
        Path(path).write_bytes(damaged[: choose.randrange(len(damaged)) if attempt % 10 == 9 else None])
        with suppress(StoreUnreadable), StoreReader.open(path) as reader:
            answered += ask_everything(reader, make)
        for later in (8, 30):
            at = make.now + later * 3600
            row, again = make.row([0.3], minute=at), make.row([0.3], make.page._replace(name="3"), make.now + 60)
            one = make.snapshot(row, again, taken=at, errors=(make.error("x", minute=at),), samples=(make.sample(1.0),))
            try:
                writer.write(one)
            except StoreUnavailable:
                refusals += 1
        writer.close()
    assert answered > 200, "damage leaves much of a store readable; how much depends on the version of SQLite"
    assert 10 < refusals < 150, "some damage is noticed, some is not"


def test_a_damaged_sample_spoils_nothing_else(path, make, writer, opened) -> None:
    writer.write(make.snapshot(samples=tuple(make.sample(float(number)) for number in range(1, 4))))
    with opened() as store:
        store.execute("""UPDATE sample SET body = replace(body, '"duration"', '"duration') WHERE duration = 2.0""")
        (damaged,) = store.execute("SELECT id FROM sample WHERE duration = 2.0").fetchone()
    with StoreReader.open(path) as reader:
        assert [sample.transaction.duration for sample in reader.samples(make.always)] == [3.0, 1.0]
        assert reader.sample(damaged) is None


def test_levels_that_are_damaged(path, make, writer, opened) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    with opened() as store:
        store.execute("DELETE FROM level WHERE span = 600")
    refused(writer, make.snapshot(make.row([1.0])), "levels is damaged")
    unreadable(path, "levels is damaged")
