"""The command that serves many: what it puts before Caddy, and a real Caddy with small replicas."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bnviz import serve
from bnviz.serve import Plan, Service, caddyfile, free_port, inline, policy, read_plan

# A replica that says who it is; one that is told to hang up dies.
SMALL = """
import http.server, os, sys
class Small(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        said = b"ok" if self.path == "/_stcore/health" else str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *said):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Small).serve_forever()
"""
PLAN = Plan(2, 8501)
needs_caddy = pytest.mark.skipif(serve.caddy() is None, reason="Caddy is not installed")


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """Files as Streamlit has them."""
    folder = tmp_path / "site"
    (folder / "static").mkdir(parents=True)
    (folder / "static" / "a.js").write_text("// " + "a" * 5000)
    (folder / "index.html").write_text("<script>one()</script><script src=x></script>")
    return folder


def test_the_defaults_are_those_of_a_public_demo() -> None:
    assert read_plan([]) == Plan(os.cpu_count() or 1, 8501, "", 20, ())
    assert read_plan(["--host", "demo.example.org"]).port == 443
    found = read_plan(["--replicas", "3", "--upload", "5", "--embed", "https://course.example.org"])
    assert found == Plan(3, 8501, "", 5, ("https://course.example.org",))


@pytest.mark.parametrize(
    "wrong",
    [
        *(["--replicas", "0"], ["--replicas", "9999"], ["--port", "x"], ["--port", "70000"]),
        *(["--upload", "-1"], ["--upload", "1e3"], ["--host", "a b"], ["--host", "localhost"]),
        *(["--host", "x.org {\n}"], ["--host", "-x.org"], ["--host", "x..org"], ["--what"]),
        *(["--embed", "*"], ["--embed", 'https://x.org"'], ["--embed", "javascript:x"]),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_said(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_plan(wrong)
    assert "error:" in capsys.readouterr().err


def test_the_policy_names_the_scripts_in_the_page_and_who_may_frame_it() -> None:
    # Known: printf 'alert(1)' | openssl dgst -sha256 -binary | base64
    page = "<head><script>alert(1)</script><script src='a.js'></script></head>"
    assert inline(page) == ["'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"]
    found = policy(replace(PLAN, embed=("https://course.example.org",)), page)
    assert found.endswith("frame-ancestors 'self' https://course.example.org")
    script = next(part for part in found.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in script
    assert "'sha256-bhHHL3z2" in script


@needs_caddy
@pytest.mark.parametrize("plan", [PLAN, Plan(3, 443, "demo.example.org", 5)])
def test_caddy_can_read_its_file(plan: Plan, static: Path, tmp_path: Path) -> None:
    file = tmp_path / "Caddyfile"
    file.write_text(caddyfile(plan, [1, 2, 3][: plan.replicas], static, "secret"))
    program = serve.caddy()
    assert program
    done = subprocess.run(
        [program, "validate", "--config", str(file), "--adapter", "caddyfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_caddy_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "caddy", lambda: None)
    assert serve.main(["--replicas", "1"]) == 1
    assert "requirements-serve.txt" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        assert serve.main(["--port", str(taken.getsockname()[1])]) == 1
    said = capsys.readouterr().err
    assert "can’t be had" in said or "needs Caddy" in said


class Client:
    """One visitor."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, path: str = "/", body: bytes | None = None) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        headers["Accept-Encoding"] = "gzip"
        line.request("GET" if body is None else "PUT", path, body, headers)
        answer = line.getresponse()
        self.cookie = (answer.headers["Set-Cookie"] or self.cookie).split(";")[0]
        answer.said = answer.read()  # type: ignore[attr-defined]
        return answer

    def who(self) -> int:
        """The replica that answers."""
        answer = self.ask()
        assert answer.status == 200
        return int(answer.said)  # type: ignore[attr-defined]


@contextmanager
def running(plan: Plan, folder: Path) -> Iterator[Service]:
    """A service on another thread, ended as Ctrl-C ends it."""
    program = serve.caddy()
    assert program
    service = Service(plan, program, folder)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        until(lambda: _listens(plan.port))
        yield service
    finally:
        service.stop()
        thread.join(30)


def _listens(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return Client(port).ask().status == 200
    return False


def until(true: Callable[[], bool]) -> None:
    """Wait for something that a busy machine may do late."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@needs_caddy
def test_visitors_stay_where_they_are_and_a_replica_that_dies_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(_plan: Plan, port: int) -> list[str]:
        return [sys.executable, "-c", SMALL, str(port)]

    monkeypatch.setattr(serve, "replica", small)
    plan = Plan(2, free_port(), upload=1)
    with running(plan, tmp_path) as service:
        visitors = [Client(plan.port) for _ in range(8)]
        places = [visitor.who() for visitor in visitors]
        pids = _pids(service)
        assert set(places) <= pids
        assert [v.who() for v in visitors for _ in range(5)] == [
            p for p in places for _ in range(5)
        ]

        os.kill(places[0], signal.SIGKILL)
        until(lambda: _moved(visitors[0], places[0]))
        until(lambda: len(_pids(service) - pids) == 1)
        assert len(_pids(service) & pids) == 1

        assert visitors[0].ask("/_stcore/metrics").status == 404
        assert visitors[0].ask("/_stcore/metrics/").status == 404
        assert visitors[0].ask("/x", b"x" * 3_000_000).status == 413
        page = visitors[0].ask()
        assert "frame-ancestors 'self'" in (page.headers["Content-Security-Policy"] or "")
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Server"] != "Caddy"
        script = re.search(r"static/js/[\w.-]+\.js", _streamlits_page())
        assert script
        served = visitors[0].ask(f"/{script[0]}")
        assert "immutable" in (served.headers["Cache-Control"] or "")
        assert served.headers["Content-Encoding"] == "gzip"
        left = [child.process for child in service.replicas if child.process]
    assert all(process.poll() is not None for process in left), "nothing is left behind"
    assert not _listens(plan.port)


def _pids(service: Service) -> set[int]:
    return {child.process.pid for child in service.replicas if child.process}


def _moved(visitor: Client, place: int) -> bool:
    with suppress(AssertionError, OSError, ValueError, http.client.HTTPException):
        return visitor.who() != place
    return False


def _streamlits_page() -> str:
    import streamlit  # noqa: PLC0415

    page = Path(streamlit.__file__).parent / "static" / "index.html"
    return page.read_text(encoding="utf-8")
