"""Where a store may be: it can be used there, or it is said why not."""

import contextlib
import logging
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.transactions.configuration.settings import Settings
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.location import MEMORY, Location, locate
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable
from weighbridge.transactions.store.sqlite.writer import StoreWriter

only_for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else, and mount")


def calls(path: str, make) -> int:
    with StoreReader.open(path) as reader:
        return reader.totals(make.always).calls


def unreadable(path: str) -> str:
    with pytest.raises(StoreUnreadable) as caught:
        StoreReader.open(path)
    return str(caught.value)


def unwritable(path: str, make) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        StoreWriter(path).write(make.snapshot(make.row([1.0])))
    return str(caught.value)


# No place at all


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home and without an entry in the list of users, as in many a container."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "XDG_STATE_HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.parametrize("setting", [None, "~/store.db", "~nobody-of-this-name/store.db"])
def test_without_a_home_figures_are_kept_in_memory_and_one_line_says_so(homeless, caplog, make, setting) -> None:
    location = locate(setting)
    assert (location.path, location.origin) == (MEMORY, "memory")
    with caplog.at_level(logging.WARNING, "weighbridge"):
        for number in range(3):
            writer = StoreWriter.of(Settings(store=setting))
            writer.write(make.other(f"{number}").snapshot(make.row([1.0])))
            writer.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "in memory only" in line
    assert "home directory" in line
    assert "WEIGHBRIDGE_STORE" in line


def test_without_a_home_a_file_that_is_named_is_used(homeless, path, make) -> None:
    assert locate(path) == Location(path, "setting")
    StoreWriter.of(Settings(store=path)).write(make.snapshot(make.row([1.0])))
    assert calls(path, make) == 1


def test_a_relative_path_where_the_working_directory_is_gone(tmp_path, monkeypatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert locate("store.db").path == MEMORY
    assert "No such file" in locate("store.db").problem


# Places that are not what they seem


def test_a_symbolic_link_to_a_file_that_is_not_there_yet(tmp_path, make) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    link = str(tmp_path / "link.db")
    assert f"a symbolic link to {tmp_path}/real.db, and that is not there" in unreadable(link)
    StoreWriter(link).write(make.snapshot(make.row([1.0])))
    assert calls(link, make) == calls(str(tmp_path / "real.db"), make) == 1
    assert (tmp_path / "link.db").is_symlink()


def test_a_symbolic_link_into_a_directory_that_is_not_there(tmp_path, make) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "missing" / "real.db")
    link = str(tmp_path / "link.db")
    assert f"a symbolic link to {tmp_path}/missing/real.db, and that is not there" in unwritable(link, make)
    (tmp_path / "missing").mkdir()
    StoreWriter(link).write(make.snapshot(make.row([1.0])))
    assert calls(link, make) == 1


def test_a_symbolic_link_to_itself(tmp_path, make) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "symbolic links" in unwritable(str(tmp_path / "loop"), make)
    assert "symbolic links" in unreadable(str(tmp_path / "loop"))


def test_a_path_that_is_too_long_for_sqlite(tmp_path, make) -> None:
    folder = tmp_path.joinpath(*["x" * 100] * 5)
    folder.mkdir(parents=True)
    path = str(folder / "store.db")
    assert f"its path has {len(path)} bytes" in unwritable(path, make)
    (folder / "store.db").touch()
    assert f"its path has {len(path)} bytes" in unreadable(path)


def test_a_name_that_is_too_long_for_the_system(tmp_path, make) -> None:
    assert "File name too long" in unwritable(str(tmp_path / ("x" * 300)), make)


def test_what_is_no_file(tmp_path, make) -> None:
    """A pipe would be waited for; what is beside a device is not ours to make."""
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/null"):
        assert "it is no regular file" in unwritable(path, make)
        assert "it is no regular file" in unreadable(path)
    assert "it is a directory" in unwritable(str(tmp_path), make)
    assert "it is a directory" in unreadable(str(tmp_path))
    assert not Path("/dev/null-wal").exists()


def test_a_directory_that_is_missing(tmp_path, make) -> None:
    path = str(tmp_path / "missing" / "store.db")
    for said in (unwritable(path, make), unreadable(path)):
        assert f"there is no directory {tmp_path}/missing" in said


def test_no_character_of_a_path_does_anything_on_a_terminal(tmp_path, make) -> None:
    evil = str(tmp_path / "\x1b[2J\x07\udcff\n" / "store.db")
    for said in (unwritable(evil, make), unreadable(evil)):
        assert said.isprintable()
        assert r"\x1b[2J\x07\udcff\n" in said
    assert "käse ♥/store.db" in unwritable(str(tmp_path / "käse ♥" / "store.db"), make)


# Places that belong to somebody else


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can get into."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    before = os.geteuid()
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@only_for_root
def test_a_store_that_was_closed_is_read_where_nothing_can_be_written(place, make) -> None:
    path = str(place / "store.db")
    writer = StoreWriter(path)
    writer.write(make.snapshot(make.row([1.0])))
    writer.close()
    Path(path).chmod(0o644)
    assert [file.name for file in place.iterdir()] == ["store.db"]
    with somebody_else():
        reader = StoreReader.open(path)
        assert reader.totals(make.always).calls == 1
        assert "may not write" in unwritable(path, make)
    assert [file.name for file in place.iterdir()] == ["store.db"]
    writer.write(make.snapshot(make.row([2.0])))
    with somebody_else():
        assert reader.totals(make.always).calls == 2, "a writer has it open, and shares what is in its log"
        reader.close()


@only_for_root
def test_what_a_reader_left_behind_does_not_shut_others_out(place, make) -> None:
    """It was made while the store was open to fewer."""
    path = str(place / "store.db")
    writer = StoreWriter(path)
    writer.write(make.snapshot(make.row([1.0])))
    writer.close()
    StoreReader.open(path).close()
    Path(path).chmod(0o644)
    with somebody_else():
        assert calls(path, make) == 1
    writer.write(make.snapshot(make.row([1.0])))
    with somebody_else():
        assert calls(path, make) == 2


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from maker import Maker
from weighbridge.transactions.store.sqlite.writer import StoreWriter

make, writer = Maker("another"), StoreWriter(sys.argv[2])
writer.write(make.snapshot(make.row([1.0])))
print(flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_writer(path: str) -> Iterator[None]:
    """A process that has the store open."""
    command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            yield
        finally:
            process.kill()


@only_for_root
@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_what_may_not_be_read_is_named(place, end) -> None:
    path = str(place / "store.db")
    with another_writer(path):
        for other in ("", "-wal", "-shm"):
            Path(path + other).chmod(0o600 if other == end else 0o644)
        with somebody_else():
            assert f"may not read {path}{end}, which belongs to root (mode 600)" in unreadable(path)


@only_for_root
def test_a_log_that_cannot_be_read_where_nothing_can_be_written(place, make) -> None:
    """As on a disk with the files of a program that was killed, and without what they shared of their memory."""
    path = str(place / "store.db")
    writer = StoreWriter(path)
    writer.write(make.snapshot(make.row([1.0])))
    (place / "copy").mkdir()
    for end in ("", "-wal"):
        shutil.copy(path + end, place / "copy")
        (place / "copy" / f"store.db{end}").chmod(0o644)
    writer.close()
    with somebody_else():
        assert "may not make any in" in unreadable(str(place / "copy" / "store.db"))
    assert calls(str(place / "copy" / "store.db"), make) == 1


@contextlib.contextmanager
def mounted(*options: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, check=False, timeout=300)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr!r}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=300)
        place.rmdir()


@only_for_root
def test_a_file_system_that_is_read_only(place, make) -> None:
    path = str(place / "store.db")
    writer = StoreWriter(path)
    writer.write(make.snapshot(make.row([1.0])))
    with mounted("--bind", str(place)) as elsewhere:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(elsewhere)], check=True, timeout=300)
        there = str(elsewhere / "store.db")
        assert calls(there, make) == 1, "while a program writes to it"
        writer.close()
        assert calls(there, make) == 1, "and when it is closed"
        assert "file system is read-only" in unwritable(there, make)
        writer.write(make.snapshot(make.row([1.0])))
        writer.close()
        assert calls(there, make) == 2


@only_for_root
def test_a_disk_that_is_full_until_there_is_space_again(make) -> None:
    with mounted("-t", "tmpfs", "-o", "size=700k", "tmpfs") as disk:
        path, ballast = str(disk / "store.db"), disk / "ballast"
        writer = StoreWriter(path)
        writer.write(make.snapshot(make.row([1.0])))
        ballast.write_bytes(b"x" * 150_000)
        refused = None
        for _ in range(40):
            one = make.snapshot(make.row([1.0]), samples=(make.sample(1.0, attributes={"x": "y" * 20_000}),))
            try:
                writer.write(one)
            except StoreUnavailable as error:
                refused = error
                break
        assert "full" in str(refused)
        ballast.unlink()
        writer.write(one)
        writer.write(one)
        assert calls(path, make) == make.sequence
        writer.close()


def test_a_file_that_changes_while_it_is_read_as_one_that_does_not(path, make, writer, monkeypatch) -> None:
    """Only where nothing can be written is it read without a lock."""
    writer.write(make.snapshot(make.row([1.0])))
    writer.close()
    reader = StoreReader(path)
    with monkeypatch.context() as without_lock:
        opened = reader._source._connection._open_with

        def only_without_lock(options: str, timeout: float) -> None:
            if not options:
                raise sqlite3.OperationalError("unable to open database file")
            opened(options, timeout)

        without_lock.setattr(reader._source._connection, "_open_with", only_without_lock)
        assert reader.totals(make.always).calls == 1
        with pytest.raises(StoreUnreadable, match="somebody wrote to it"), reader._reading():  # noqa: PT012
            writer.write(make.snapshot(make.row([1.0])))
            writer.close()
        assert reader.totals(make.always).calls == 2


# What other programs do to the files


def emptied(path: str, *ends: str) -> None:
    for end in ends:
        os.truncate(path + end, 0)


@pytest.mark.parametrize("ends", [[""], ["", "-wal"], ["", "-wal", "-shm"], ["", "-shm"]])
def test_a_store_that_is_emptied_is_made_anew_and_that_is_said(path, make, caplog, ends) -> None:
    """In a process of its own: it would be killed by a signal, where its memory is no longer there."""
    script = f"""
    import logging, os, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from maker import Maker
    from weighbridge.transactions.store.sqlite.writer import StoreWriter

    logging.basicConfig(level=logging.WARNING)
    make, writer = Maker(), StoreWriter({path!r})
    for _ in range(3):
        writer.write(make.snapshot(make.row([1.0])))
    for end in {ends!r}:
        os.truncate({path!r} + end, 0)
    for _ in range(4):
        writer.write(make.snapshot(make.row([1.0])))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("was emptied by another program") == 1
    assert calls(path, make) == 4


@pytest.mark.parametrize("end", ["-wal", "-shm"])
@pytest.mark.parametrize("what", ["truncate", "unlink"])
def test_what_belongs_to_a_store_is_emptied_or_deleted(path, make, writer, read, caplog, end, what) -> None:
    """What was written last may be lost with its log; nothing that is written afterwards is."""
    for _ in range(3):
        writer.write(make.snapshot(make.row([1.0])))
    with caplog.at_level(logging.WARNING, "weighbridge"):
        os.truncate(path + end, 0) if what == "truncate" else Path(path + end).unlink()
        for _ in range(4):
            writer.write(make.snapshot(make.row([1.0])))
    assert read().totals(make.always).calls == (4 if (end, what) == ("-wal", "truncate") else 7)
    said = [record for record in caplog.records if "figures may be lost" in record.getMessage()]
    assert len(said) == (1 if end == "-wal" else 0)


def test_a_store_that_is_emptied_again_and_again_while_many_write(path, make) -> None:
    hammer = str(Path(__file__).parent / "hammer.py")
    processes = [
        subprocess.Popen([sys.executable, hammer, path, f"{number}", "60"], stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for _ in range(10):
            with contextlib.suppress(FileNotFoundError):
                os.truncate(path, 0)
            assert processes[0].stdout is not None
            processes[0].stdout.readline()
        assert [process.wait(60) for process in processes] == [0, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    one = make.row([1.0])
    StoreWriter(path).write(make.snapshot(one))
    assert calls(path, make) >= 1


def test_damage_is_named_and_what_to_do_about_it(path, make, writer) -> None:
    Path(path).write_text("Dear diary, " * 500)
    for said in (unwritable(path, make), unreadable(path)):
        assert "damaged, or was never a store" in said
        assert "moved away" in said
    Path(path).rename(path + ".old")
    writer.write(make.snapshot(make.row([1.0])))
    assert calls(path, make) == 1


def test_a_symbolic_link_to_a_store_that_is_emptied(tmp_path, make, caplog) -> None:
    """What belongs to the store is beside the file, not beside the link; the link stays."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "real.db")
    link = str(tmp_path / "link.db")
    writer = StoreWriter(link)
    writer.write(make.snapshot(make.row([1.0])))
    assert {file.name for file in (tmp_path / "data").iterdir()} == {"real.db", "real.db-wal", "real.db-shm"}
    os.truncate(link, 0)
    for _ in range(2):
        writer.write(make.snapshot(make.row([1.0])))
    assert calls(link, make) == 2
    assert (tmp_path / "link.db").is_symlink()
    with StoreReader.open(link) as reader:
        assert reader.health().size > 30_000, "all files count"
