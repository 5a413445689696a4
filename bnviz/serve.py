"""One command for many people: `python -m bnviz.serve`, replicas of the app behind Caddy.

Streamlit is one process, and its sessions and uploads live in it; a cookie leads each visitor
back to his. Caddy answers for the files itself, and for HTTPS where a host is named.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[1]
_START = 60.0  # seconds for a replica to answer for the first time
_DRAIN = 8.0  # seconds for what is under way to end
_FILES = 10  # of the largest size, that all visitors of a replica together may have open
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True)
class Plan:
    """What is to be served. host: a name for which Caddy gets a certificate; empty without.

    upload: MB. embed: the origins of other sites whose pages may frame the app.
    """

    replicas: int
    port: int
    host: str = ""
    upload: int = 20
    embed: tuple[str, ...] = ()


def _number(low: int, high: int) -> type[int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"“{text}” is not a number from {low} to {high}")
        return int(text)

    return read  # type: ignore[return-value]


def _matching(pattern: re.Pattern[str], what: str) -> type[str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"“{text}” is not {what}")
        return text

    return read  # type: ignore[return-value]


def read_plan(arguments: Sequence[str] | None = None) -> Plan:
    """The plan of a command line; a wrong one is said, and ends the program."""
    parser = argparse.ArgumentParser(prog="python -m bnviz.serve", description=__doc__)
    cores = os.cpu_count() or 1
    add = parser.add_argument
    add("--replicas", type=_number(1, 64), default=min(cores, 64), metavar="N", help="processes")
    add("--port", type=_number(1, 65535), default=None, help="8501; with --host 443 and 80")
    host = _matching(_HOST, "the name of a host, as demo.example.org")
    add("--host", type=host, default=None, help="serve HTTPS under this name")
    add("--upload", type=_number(1, 1024), default=20, metavar="MB", help="the largest file")
    origin = _matching(_ORIGIN, "an origin, as https://course.example.org")
    add("--embed", type=origin, nargs="*", default=[], help="sites that may frame the app")
    given = parser.parse_args(arguments)
    port = given.port or (443 if given.host else 8501)
    return Plan(given.replicas, port, given.host or "", given.upload, tuple(given.embed))


def caddy() -> str | None:
    """The program, from the package `caddyserver` or from the system."""
    beside = Path(sysconfig.get_path("scripts")) / ("caddy.exe" if os.name == "nt" else "caddy")
    return str(beside) if beside.is_file() else shutil.which("caddy")


def inline(page: str) -> list[str]:
    """The scripts that stand in a page, as a policy names them: by their hashes."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return [f"'sha256-{base64.b64encode(found).decode()}'" for found in hashes]


def policy(plan: Plan, page: str) -> str:
    """What the page may load and who may frame it; Streamlit sets its styles in the page."""
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self' 'wasm-unsafe-eval' blob:", *inline(page))),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            " ".join(("frame-ancestors 'self'", *plan.embed)),
        )
    )


def caddyfile(plan: Plan, ports: Sequence[int], static: Path, secret: str) -> str:
    """Caddy's configuration. A site without a host is named by its port alone: one named by an
    address answers every other name with an empty page."""
    page = (static / "index.html").read_text(encoding="utf-8")
    site = f"{plan.host}:{plan.port}" if plan.host else f"http://:{plan.port}"
    replicas = " ".join(f"127.0.0.1:{port}" for port in ports)
    return f"""{{
	admin off
	persist_config off
	grace_period {_DRAIN:.0f}s
	servers {{
		max_header_size 32KB
		timeouts {{
			read_header 10s
			idle 2m
		}}
	}}
	log {{
		level WARN
	}}
}}

{site} {{
	encode zstd gzip
	request_body {{
		max_size {plan.upload + 1}MB
	}}
	header {{
		?Content-Security-Policy "{policy(plan, page)}"
		?X-Content-Type-Options nosniff
		?Referrer-Policy strict-origin-when-cross-origin
		-Server
	}}
	@closed path /_stcore/metrics /_stcore/metrics/*
	handle @closed {{
		respond 404
	}}

	@files {{
		path /static/*
		file {{
			root {static.as_posix()}
		}}
	}}
	handle @files {{
		root {static.as_posix()}
		header Cache-Control "public, max-age=31536000, immutable"
		file_server
	}}
	handle {{
		reverse_proxy {replicas} {{
			lb_policy cookie bnviz_replica {secret} {{
				fallback client_ip_hash
			}}
			lb_try_duration 10s
			lb_try_interval 200ms
			fail_duration 2s
			health_uri /_stcore/health
			health_interval 1s
			health_timeout 5s
			health_body ok
		}}
	}}
}}
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def replica(plan: Plan, port: int) -> list[str]:
    """The command that starts one."""
    options = {
        "server.headless": "true",
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.maxUploadSize": str(plan.upload),
    }
    if plan.host:
        options["browser.serverAddress"] = plan.host
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *given]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Child:
    """A process that is started again when it dies: later and later, if it dies at once."""

    command: list[str]
    told: dict[str, str] = field(default_factory=dict)  # in its environment
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.0

    def look(self) -> None:
        """Start it, if it is not there and its time has come."""
        if self.process is not None and self.process.poll() is None:
            return
        now = time.monotonic()
        if self.process is not None:
            code, self.process = self.process.returncode, None
            self.wait = min(2 * self.wait + 0.2, 10.0) if now - self.started < 10 else 0.0
            print(f"{Path(self.command[0]).name} ended ({code}); started again", flush=True)
            self.started = now
        if now - self.started >= self.wait:
            self.started = now
            env = os.environ | {"BNVIZ_PROXY": "1"} | self.told
            # A group of its own: Ctrl-C in the terminal comes here, and is passed on in order.
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=env, start_new_session=os.name != "nt"
            )

    def end(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_for(self, end: float) -> None:
        """Give it until then."""
        if self.process is None:
            return
        try:
            self.process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Service:
    """Replicas, and Caddy in front of them."""

    plan: Plan
    program: str
    folder: Path
    stopping: bool = False
    replicas: list[Child] = field(default_factory=list)

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """End, as soon as what is under way is done."""
        self.stopping = True

    def run(self) -> int:
        """Serve until told to stop; the exit code."""
        ports = [free_port() for _ in range(self.plan.replicas)]
        told = {"BNVIZ_UPLOADS": str(_FILES * self.plan.upload)}
        self.replicas = [Child(replica(self.plan, port), told) for port in ports]
        spec = find_spec("streamlit")
        assert spec
        assert spec.origin
        static = Path(spec.origin).parent / "static"
        file = self.folder / "Caddyfile"
        file.write_text(
            caddyfile(self.plan, ports, static, secrets.token_hex(16)), encoding="utf-8"
        )
        file.chmod(0o600)
        front = Child([self.program, "run", "--config", str(file), "--adapter", "caddyfile"])
        try:
            return self._watch(front, ports)
        finally:
            # The front first: it takes nobody new, and lets what is under way end.
            front.end()
            front.wait_for(time.monotonic() + _DRAIN + 1)
            for child in self.replicas:
                child.end()
            end = time.monotonic() + _DRAIN
            for child in self.replicas:
                child.wait_for(end)

    def _watch(self, front: Child, ports: Sequence[int]) -> int:
        end, ready = time.monotonic() + _START, False
        while not self.stopping:
            for child in self.replicas:
                child.look()
            if not ready and all(map(_answers, ports)):
                ready = True
                at = f"https://{self.plan.host}" if self.plan.host else "http://localhost"
                print(f"bnviz: {len(ports)} replicas at {at}:{self.plan.port}", flush=True)
            if ready:
                front.look()
            elif time.monotonic() > end:
                print("The app did not start; what it said stands above.", file=sys.stderr)
                return 1
            time.sleep(0.2)
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, and say in a sentence what is missing."""
    plan = read_plan(arguments)
    program = caddy()
    if program is None:
        print(
            "bnviz.serve needs Caddy: pip install -r bnviz/requirements-serve.txt", file=sys.stderr
        )
        return 1
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", plan.port))
        except OSError as error:
            print(f"Port {plan.port} can’t be had: {error.strerror}.", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory(prefix="bnviz-") as folder:
        service = Service(plan, program, Path(folder))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, service.stop)
        return service.run()


if __name__ == "__main__":
    sys.exit(main())
