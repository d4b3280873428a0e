"""Modules that are imported late: by a thread of the program's, while no fork can come in between, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..waiting import TIMEOUT
from .conftest import Programs, Stored, line_of

FORKS = """
import faulthandler, random, signal, threading
how, delay = os.environ["HOW"], float(os.environ["DELAY"])
faulthandler.enable()
faulthandler.register(signal.SIGALRM, chain=True)

def job():
    import weighbridge
    weighbridge.background_task(name="work")(int)()

def in_child(job):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(200)  # a child that hangs ends by that signal, and says where
    job()
    import weighbridge
    if how == "flush":
        os._exit(0 if weighbridge.flush() else 3)
    sys.exit()

def beside(busy):
    thread = threading.Thread(target=busy)
    thread.start()
    time.sleep(delay)
    code = in_child(job)
    assert code == 0, code
    thread.join()
"""
"""What the programs below begin with; ``job`` ends one transaction."""

WHILE = {
    "in the first call": "import weighbridge\nbeside(job)",
    "in the first write": "job()\ntime.sleep(0.04)\nbeside(bool)",
    "in initialize": "import weighbridge\nbeside(weighbridge.initialize)\njob()",
    "in the import of the package": """
def watched(*_):
    # before its very first lines nobody sees to forks: then it is as with any other package
    while "weighbridge.transactions.lifecycle" not in sys.modules:
        pass
threading.Thread(target=lambda: __import__("weighbridge")).start()
watched()
beside(bool)
job()
""",
    "in imports of its modules": """
import functools, weighbridge
def use_all():
    import weighbridge.middleware.wrappers, weighbridge.agent
    weighbridge.middleware.ASGITransactionMiddleware
    weighbridge.background_task(functools.partial(int))
beside(use_all)
job()
""",
    "in imports of what it needs": """
import weighbridge
def use_all():
    import logging, json, sqlite3, dataclasses, platformdirs
beside(use_all)
job()
""",
}


@pytest.mark.parametrize("how", ["flush", "exit"])
@pytest.mark.parametrize("moment", WHILE)
def test_a_fork_while_another_thread_imports(moment: str, how: str, programs: Programs, stored: Stored) -> None:
    """At several moments, in fresh interpreters: no child hangs, and all that ended is counted."""
    programs.prologue = "import os, sys, time\n" + FORKS
    for number in range(5):
        delay = str(0.01 * number)
        programs.run(WHILE[moment], "-W", "ignore", HOW=how, DELAY=delay, WEIGHBRIDGE_FLUSH_INTERVAL="0.05")
        assert programs.errors == ""
    assert stored.calls() == {"work": 10}


def test_forks_of_several_threads_at_once(programs: Programs, stored: Stored) -> None:
    """Also in the first call; a child that a thread forked ends with it."""
    programs.prologue = "import os, sys, time\n" + FORKS
    programs.run(
        """
        import weighbridge
        codes = []
        def fork_often():
            for _ in range(3):
                codes.append(in_child(job))
                job()
        threads = [threading.Thread(target=fork_often) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [0] * 12, codes
        """,
        "-W",
        "ignore",
        HOW="exit",
        DELAY="0",
    )
    assert stored.calls() == {"work": 24}


RAW = """
import _thread, weighbridge
done = _thread.allocate_lock()
done.acquire()
def fork():
    codes.append(in_child(job))
    done.release()
codes = []
_thread.start_new_thread(fork, ())
done.acquire()
assert codes == [0], codes
"""
NESTED = """
def nested():
    assert in_child(job) == 0
    job()
codes = []
thread = threading.Thread(target=lambda: codes.append(in_child(nested)))
thread.start()
thread.join()
assert codes == [0], codes
job()
"""
RUNS_ON = """
def run_on():
    job()
    threading.Thread(target=lambda: (time.sleep(0.5), job())).start()
codes = []
thread = threading.Thread(target=lambda: codes.append(in_child(run_on)))
thread.start()
thread.join()
assert codes == [0], codes
"""


@pytest.mark.parametrize("known", ["", "import weighbridge\n"], ids=["imported in the child", "imported before"])
@pytest.mark.parametrize(
    ("program", "calls"), [(RAW, 1), (NESTED, 3), (RUNS_ON, 2)], ids=["raw thread", "a child of a child", "runs on"]
)
def test_a_child_that_was_forked_by_a_thread_ends_with_it(
    program: str, calls: int, known: str, programs: Programs, stored: Stored
) -> None:
    programs.prologue = "import os, sys, time\n" + FORKS
    programs.run(known + program, "-W", "ignore", HOW="exit", DELAY="0")
    assert stored.calls() == {"work": calls}
    assert programs.errors == ""


MOMENTS_OF_FORKS = {
    "atexit, before the last write": "import atexit\nwork()\natexit.register(lambda: print(in_child()))",
    "a destructor": """
class Forking:
    def __del__(self):
        assert in_child() == 0
Forking()
""",
    "a thread beside daemon threads": """
import threading
def busy():
    while True:
        work()
for _ in range(2):
    threading.Thread(target=busy, daemon=True).start()
for _ in range(10):
    assert in_child() == 0
""",
}


def test_forks_in_a_signal_handler(programs: Programs, stored: Stored) -> None:
    """They interrupt our own imports and writes. Such a child may have to do without, and says so; none hangs."""
    output = programs.run(
        """
        import signal

        def fork(*_):
            child = os.fork()
            if not child:
                work()
                os._exit(0 if weighbridge.flush(200) else 3)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            if len(codes) < 40:
                signal.setitimer(signal.ITIMER_REAL, 0.001 * len(codes))

        codes, calls = [], 0
        signal.signal(signal.SIGALRM, fork)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while len(codes) < 40:
            work()
            calls += 1
            weighbridge.flush()
        assert {*codes} <= {0, 3}, codes
        work()
        assert weighbridge.flush()
        print(calls + 1 + codes.count(0))
        """,
        "-W",
        "ignore",
    )
    assert stored.total() + stored.lost().get("transactions", 0) >= int(output) - 1  # the call that was interrupted
    assert stored.is_intact()


@pytest.mark.parametrize("moment", MOMENTS_OF_FORKS)
def test_a_fork_in(moment: str, programs: Programs, stored: Stored) -> None:
    programs.prologue += """
def in_child():
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
        os._exit(0 if weighbridge.flush(200) else 3)
    except BaseException as error:
        os.write(2, repr(error).encode())
        os._exit(4)
"""
    programs.run(MOMENTS_OF_FORKS[moment], "-W", "ignore")
    if "can't fork at interpreter shutdown" in programs.errors:
        pytest.skip("this Python forks no more once its end has begun")
    assert programs.errors == ""
    assert stored.is_intact()


def test_a_child_before_exec_measures_nothing_and_does_no_harm(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        import subprocess
        work()
        for preexec in (None, work, lambda: weighbridge.flush()):
            subprocess.run(["true"], preexec_fn=preexec, check=True)
        work()
        """,
        "-W",
        "ignore",
    )
    assert stored.calls() == {"work": 2}
    assert programs.errors == ""


WATCH = """
imported = []
def watch(event, arguments):
    thread = sys.modules.get("threading")
    if event == "import" and hasattr(thread, "main_thread") and thread.current_thread() is not thread.main_thread():
        imported.append((thread.current_thread().name, arguments[0]))
sys.addaudithook(watch)
os.environ.pop("HOME", None)
"""


@pytest.mark.parametrize("begins", ["work()", "weighbridge.preload()\nwork()", "weighbridge.initialize()\nwork()"])
@pytest.mark.parametrize("store", ["", "later/store.db"], ids=["the user's", "not there yet"])
def test_our_thread_imports_nothing(begins: str, store: str, programs: Programs, stored: Stored) -> None:
    """Neither to write, nor to say that it cannot, nor to say that something failed."""
    programs.prologue = programs.prologue.replace("import weighbridge", WATCH + "import weighbridge", 1)
    programs.run(
        f"""
        {begins.splitlines()[0]}
        {begins.splitlines()[-1]}
        import logging.handlers
        with weighbridge.BackgroundTask(name="failing"):
            weighbridge.notice_error(ValueError("\\N{{SNOWMAN}}"))
            weighbridge.add_custom_attribute("path", __file__)
        time.sleep(0.5)
        recorder = sys.modules["weighbridge.transactions.lifecycle"]._recorder()
        open_store, recorder.delivery.open_store = recorder.delivery.open_store, lambda: 1 / 0
        work()
        time.sleep(0.5)
        recorder.delivery.open_store = open_store
        time.sleep(0.5)
        assert not imported, imported
        """,
        WEIGHBRIDGE_STORE=store,
        WEIGHBRIDGE_FLUSH_INTERVAL="0.1",
    )


def test_the_watch_of_the_test_above_sees_what_it_should(programs: Programs) -> None:
    programs.prologue = programs.prologue.replace("import weighbridge", WATCH + "import weighbridge", 1)
    output = programs.run(
        """
        import threading
        thread = threading.Thread(target=lambda: __import__("this_is_not_there", fromlist=["x"]), name="ours")
        threading.excepthook = lambda *_: None
        thread.start()
        thread.join()
        print(imported)
        """
    )
    assert output == "[('ours', 'this_is_not_there')]\n"


def test_after_preload_a_child_imports_nothing(programs: Programs, stored: Stored) -> None:
    """Nothing is opened, read or started by it, and a child finds all that it needs."""
    output = programs.run(
        """
        import threading
        os.environ["WEIGHBRIDGE_CONFIG_FILE"] = "settings.toml"
        open("settings.toml", "w").write("[weighbridge]\\napp_name = 'Shop'\\n")
        before = set(os.listdir("/proc/self/fd"))
        weighbridge.preload()
        assert set(os.listdir("/proc/self/fd")) == before
        assert threading.active_count() == 1
        assert "weighbridge.transactions.store.sqlite.writer" in sys.modules

        if not os.fork():
            known = {*sys.modules}
            work()
            weighbridge.flush()
            os._exit(print({*sys.modules} - known, flush=True) or 0)
        assert os.wait()[1] == 0
        """
    )
    assert output == "set()\n"
    assert stored.calls() == {"work": 1}


SCARCE = """
import resource
kept = resource.getrlimit(resource.RLIMIT_NOFILE)
root = os.open("/", os.O_RDONLY)
os.mkdir("empty")

def no_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (root + 1, kept[1]))

def descriptors_again():
    resource.setrlimit(resource.RLIMIT_NOFILE, kept)

def no_files():
    os.chroot("empty")

def files_again():
    os.fchdir(root)
    os.chroot(".")
"""
NEED_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its root directory")
SCARCITIES = [
    pytest.param("no_descriptors", "descriptors_again", id="no descriptor"),
    pytest.param("no_files", "files_again", id="chroot", marks=NEED_ROOT),
]


@pytest.mark.parametrize(("takes", "gives"), SCARCITIES)
def test_a_first_call_that_cannot_import(takes: str, gives: str, programs: Programs, stored: Stored) -> None:
    """Nothing is raised, one line is said, what could not be measured is told as lost, and the next call is counted."""
    programs.prologue += SCARCE
    programs.run(
        f"""
        from weighbridge.middleware import WSGITransactionMiddleware
        door = WSGITransactionMiddleware(lambda environ, start: [b"answer"])
        {takes}()
        for call in (
            weighbridge.flush, weighbridge.application, weighbridge.register_application,
            weighbridge.application_settings, weighbridge.global_settings, weighbridge.shutdown_agent,
            weighbridge.initialize, weighbridge.preload,
        ):
            call()
        assert weighbridge.global_settings().app_name is None
        assert weighbridge.application().name == "Python Application"
        for _ in range(5):
            work()
            with weighbridge.BackgroundTask(name="block"):
                pass
            assert door({{}}, print) == [b"answer"]
        {gives}()
        work()
        assert weighbridge.global_settings().app_name == "Python Application"
        assert weighbridge.flush()
        """
    )
    assert stored.calls() == {"work": 1}
    assert stored.lost() == {"transactions": 15}
    assert programs.errors.startswith("weighbridge cannot import what it needs"), programs.errors
    assert programs.errors.count("\n") == 1


@pytest.mark.parametrize("module", ["configuration.activation", "recording.recorder", "store.sqlite.writer"])
def test_a_first_call_whose_imports_lack_memory(module: str, programs: Programs, stored: Stored) -> None:
    """The host sees no `MemoryError` of ours; calls are counted, or told as lost. (A real lack strikes anywhere.)"""
    programs.run(
        f"""
        class Finder:
            def find_spec(self, name, *_):
                if name == "weighbridge.transactions.{module}":
                    raise MemoryError

        sys.meta_path.insert(0, Finder())
        for _ in range(5):
            work()
        del sys.meta_path[0]
        work()
        assert weighbridge.flush()
        """
    )
    assert stored.calls()["work"] + stored.lost().get("transactions", 0) == 6
    assert "(no memory is left)" in programs.errors
    assert programs.errors.count("\n") == 1


def test_memory_that_a_signal_handler_lacks_is_the_hosts(programs: Programs, stored: Stored) -> None:
    output = programs.run(
        """
        import signal

        class Finder:
            def find_spec(self, name, *_):
                if name == "weighbridge.transactions.recording.recorder":
                    sys.meta_path.remove(self)
                    signal.raise_signal(signal.SIGUSR1)

        def handler(*_):
            raise MemoryError("of the host")

        signal.signal(signal.SIGUSR1, handler)
        sys.meta_path.insert(0, Finder())
        try:
            work()
        except MemoryError as error:
            print(error)
        work()
        """
    )
    assert output == "of the host\n"
    assert stored.calls() == {"work": 1}  # the other one was cut off before it began


def test_what_initialize_could_not_read_holds_as_soon_as_it_can(programs: Programs, stored: Stored) -> None:
    programs.prologue += SCARCE
    programs.run(
        """
        with open("settings.toml", "w") as file:
            file.write("[weighbridge]\\napp_name = 'Shop'\\n")
        no_descriptors()
        weighbridge.initialize("settings.toml")
        try:
            weighbridge.initialize("settings.toml", ignore_errors=False)
        except (ImportError, OSError):
            pass
        else:
            raise AssertionError("that was asked for")
        descriptors_again()
        work()
        assert weighbridge.application().name == "Shop"
        """
    )
    assert stored.calls() == {"work": 1}


def test_descriptors_that_are_used_up_later_lose_nothing(programs: Programs, stored: Stored) -> None:
    programs.prologue += SCARCE
    programs.run(
        """
        weighbridge.global_settings()
        no_descriptors()
        for _ in range(300):
            work()
        assert not weighbridge.flush()
        descriptors_again()
        assert weighbridge.flush()
        """
    )
    assert stored.calls() == {"work": 300}
    assert stored.lost() == {}
    assert programs.errors.count("\n") == 1


def test_a_process_without_descriptors_ends_as_ever(programs: Programs, stored: Stored) -> None:
    """The interpreter ends a thread that is left by a call for which glibc opens a file, or aborts the process."""
    programs.prologue += SCARCE
    programs.run(
        """
        import builtins

        class Slow:
            def __del__(self):
                time.sleep(0.5)  # long enough for a thread that is left to wake up

        builtins.slow = Slow()
        weighbridge.preload()
        no_descriptors()
        work()
        """,
        WEIGHBRIDGE_FLUSH_INTERVAL="0.05",
    )
    assert "could not be written" in programs.errors


def test_a_store_that_cannot_be_imported_loses_nothing(programs: Programs, stored: Stored) -> None:
    """The figures are added up in memory; as soon as it can be imported, they are written."""
    programs.run(
        """
        sys.modules["sqlite3"] = None
        for _ in range(5000):
            work()
        assert not weighbridge.flush()
        from weighbridge.transactions.handoff import handoff
        assert len(handoff.queue) < 500, "they are counted"
        del sys.modules["sqlite3"]
        time.sleep(1.1)  # it is tried a hundred times in a row, then once a second
        assert weighbridge.flush()
        """
    )
    assert stored.calls() == {"work": 5000}
    assert programs.errors.count("\n") == 1


NO_THREAD = """
import threading
threading.stack_size(1 << 45)
"""


def test_where_no_thread_can_be_started(programs: Programs, stored: Stored) -> None:
    """All is counted and bounded, and written by flush(); as soon as a thread can be started, there is one."""
    programs.prologue += NO_THREAD
    programs.run(
        """
        for _ in range(20_000):
            work()
        assert threading.active_count() == 1
        from weighbridge.transactions.handoff import handoff
        assert len(handoff.queue) < 500
        assert weighbridge.flush()
        threading.stack_size(0)
        deadline = time.monotonic() + 200
        while threading.active_count() == 1 and time.monotonic() < deadline:
            work()
            time.sleep(0.05)
        assert threading.active_count() == 2
        print(handoff.flush_threshold, flush=True)
        """,
        WEIGHBRIDGE_MAX_BACKLOG="10000",
    )
    assert stored.total() >= 20_000
    assert stored.lost() == {}
    assert "figures are written by flush()" in programs.errors
    assert programs.errors.count("\n") == 1


def test_without_a_thread_an_exit_loses_none(programs: Programs, stored: Stored) -> None:
    programs.prologue += NO_THREAD
    programs.run("work()\nwork()")
    assert stored.calls() == {"work": 2}


def test_modules_that_are_taken_out_of_sys_modules(programs: Programs, stored: Stored) -> None:
    """As some test suites do: two of each would be there, and none would know of the other."""
    programs.run(
        """
        for name in [name for name in sys.modules if name.startswith("weighbridge")]:
            del sys.modules[name]
        for _ in range(300):
            work()
        assert not weighbridge.flush(), "it says so"
        import weighbridge as second
        assert second is not weighbridge
        second.background_task(name="second")(int)()
        assert second.flush()
        """
    )
    assert stored.calls() == {"second": 1}
    assert programs.errors.count("\n") == 1


INTERPRETERS = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
run = getattr(interpreters, "exec", None) or interpreters.run_string
for _ in range(2):
    one = interpreters.create()
    try:
        run(one, program)
    finally:
        interpreters.destroy(one)
"""


def test_an_interpreter_in_the_interpreter(programs: Programs) -> None:
    """It does not crash, and what is flushed there is written where that can be."""
    bare = programs.start("program = 'import sqlite3'\n" + INTERPRETERS)
    bare.communicate()
    if bare.returncode < 0:
        pytest.skip("SQLite's module alone crashes this Python in a second interpreter")
    programs.run(
        "program = 'import weighbridge; weighbridge.background_task(int)(); weighbridge.flush()'\n"
        f"work()\n{INTERPRETERS}\nwork()",
        "-W",
        "ignore",
    )


ENDS = {
    "a destructor": "class Late:\n    def __del__(self):\n        use_all()\nlate = Late()",
    "a destructor, later": """
class Late:
    def __del__(self):
        use_all()
import builtins
builtins.late = Late()
""",
    "a generator": """
def late():
    with weighbridge.BackgroundTask(name="late"):
        try:
            yield
        finally:
            use_all()
import builtins
builtins.late = late()
next(builtins.late)
""",
    "a measured generator": """
@background_task
def late():
    try:
        yield
    finally:
        use_all()
import builtins
builtins.late = late()
next(builtins.late)
""",
    "a response": """
from weighbridge.middleware import WSGITransactionMiddleware
def app(environ, start_response):
    try:
        yield b""
    finally:
        use_all()
import builtins
builtins.late = iter(WSGITransactionMiddleware(app)({}, print))
next(builtins.late)
""",
    "a weak reference": """
import builtins, weakref
class Late: pass
late = Late()
builtins.ref = weakref.ref(late, use_all)
""",
}


@pytest.mark.parametrize("warm", ["", "work()\nwork()"], ids=["first call", "later call"])
@pytest.mark.parametrize("end", ENDS)
def test_what_runs_while_the_interpreter_goes_down(end: str, warm: str, programs: Programs, stored: Stored) -> None:
    """The host sees nothing of ours: no error, and no line."""
    programs.prologue += """
def use_all(*_):
    work()
    with weighbridge.BackgroundTask(name="block"):
        weighbridge.set_transaction_name(None)
    weighbridge.flush(), weighbridge.initialize(), weighbridge.global_settings().app_name
    weighbridge.application("a").name, weighbridge.preload(), weighbridge.shutdown_agent()
    weighbridge.flush()
"""
    programs.run(f"{warm}\n{ENDS[end]}")
    assert programs.errors == ""
    if warm:
        assert stored.calls()["work"] == 2


@pytest.mark.parametrize("seconds", ["0.02", "0.4"])
def test_daemon_threads_that_begin_and_end_transactions_at_the_exit(
    seconds: str, programs: Programs, stored: Stored
) -> None:
    programs.run(
        f"""
        import threading
        def busy():
            while True:
                work()
        for _ in range(4):
            threading.Thread(target=busy, daemon=True).start()
        time.sleep({seconds})
        """
    )
    assert programs.errors == ""


STREAMS = {
    "closed": "sys.stdout.close(), sys.stderr.close(), sys.stdin.close()",
    "closed below": "os.close(0), os.close(1), os.close(2)",
    "none": "sys.stdout = sys.stderr = sys.stdin = None",
}


@pytest.mark.parametrize("streams", STREAMS)
def test_without_standard_streams(streams: str, programs: Programs, stored: Stored) -> None:
    programs.run(
        f"""
        @background_task(name=lambda: 1 / 0)
        def named():
            return "result"
        {STREAMS[streams]}
        assert named() == "result"
        work()
        """
    )
    assert stored.total() == 2


def test_in_a_folder_that_is_no_more(programs: Programs, stored: Stored) -> None:
    programs.run("os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\nwork()\nassert weighbridge.flush()")
    assert stored.total() == 1


def test_gevent_imports_and_writes_in_no_thread_of_ours(programs: Programs, stored: Stored, tmp_path: Path) -> None:
    """The first call in a greenlet, a store that is away, lines that are logged, forks: nothing hangs."""
    pytest.importorskip("gevent")
    programs.prologue = "from gevent import monkey\nmonkey.patch_all()\nimport gevent\n" + programs.prologue
    process = programs.start(
        """
        gevent.joinall([gevent.spawn(work, 0.001) for _ in range(10)])
        gevent.sleep(0.5)
        os.mkdir("later")
        for _ in range(3):
            child = os.fork()
            if not child:
                gevent.joinall([gevent.spawn(work, 0.001) for _ in range(10)])
                os._exit(0 if weighbridge.flush(200) else 3)
            assert os.waitpid(child, 0)[1] == 0
        gevent.spawn(weighbridge.flush).join()
        print("done", flush=True)
        """,
        "-W",
        "ignore",
        WEIGHBRIDGE_STORE=str(tmp_path / "later" / "store.db"),
        WEIGHBRIDGE_FLUSH_INTERVAL="0.1",
    )
    assert line_of(process) == "done", process.communicate()
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    stored.path = tmp_path / "later" / "store.db"
    assert stored.calls() == {"work": 40}


def test_gevent_that_comes_after_the_recorder(programs: Programs, stored: Stored) -> None:
    """The recorder's thread ends without a word, though `threading` no longer knows it."""
    pytest.importorskip("gevent")
    programs.run(
        """
        work()
        assert weighbridge.flush()
        from gevent import monkey
        monkey.patch_all()
        work()
        """
    )
    assert programs.errors == ""
    assert stored.calls() == {"work": 2}


def test_the_package_itself_imports_no_logging(tmp_path: Path) -> None:
    code = "import sys, weighbridge; print({'logging', 'threading', 'sqlite3', 'asyncio'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
