"""Starts each server behind a gateway of its own, sends the corpus, compares what was read.

Never started by itself: `tests/upstreams/run` prepares what it needs.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import h11

CASES = sorted(pathlib.Path(sys.argv[1]).glob("*.req"))
CONFIG = """[server]
listen = ["127.0.0.1:0"]
workers = 1
[admin]
listen = "off"
[storage]
path = "off"
[timeouts]
client_head = "100ms"
client_body_idle = "100ms"
keep_alive = "100ms"
[[provider]]
name = "p"
dialect = "openai"
base_url = "http://127.0.0.1:%d"
[[provider.key]]
value = "sk-pool"
"""
NODE = """
const crypto = require('crypto');
const server = require('http').createServer((request, response) => {
  const hash = crypto.createHash('sha256');
  let length = 0;
  request.on('data', (data) => { hash.update(data); length += data.length; });
  request.on('end', () => {
    console.log(JSON.stringify([request.method, length, hash.digest('hex')]));
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
"""
NGINX = """daemon off; master_process off; pid %(home)s/pid; error_log stderr crit;
events {}
http { access_log off; client_body_temp_path %(home)s/body; proxy_temp_path %(home)s/proxy;
  fastcgi_temp_path %(home)s/f; uwsgi_temp_path %(home)s/u; scgi_temp_path %(home)s/s;
  upstream back { server 127.0.0.1:%(back)d; keepalive 4; }
  server { listen 127.0.0.1:%(port)d; location / { proxy_pass http://back;
    proxy_http_version 1.1; proxy_set_header connection ""; } } }
"""
HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:%(port)d
  default_backend out
backend out
  server one 127.0.0.1:%(back)d
"""


class Recorder:
    """A server by h11: what it read of each request, in order."""

    def __init__(self):
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            tcp, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(tcp,), daemon=True).start()

    def serve(self, tcp):
        connection = h11.Connection(h11.SERVER)
        request, body = None, b""
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(tcp.recv(65536))
                elif isinstance(event, h11.Request):
                    request, body = event, b""
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    digest = hashlib.sha256(body).hexdigest()
                    self.seen.append([request.method.decode(), len(body), digest])
                    answer = h11.Response(status_code=200, headers=[("content-length", "0")])
                    tcp.sendall(connection.send(answer) + connection.send(h11.EndOfMessage()))
                    if connection.our_state is h11.MUST_CLOSE:
                        return
                    connection.start_next_cycle()
                else:
                    return
        except h11.RemoteProtocolError as error:
            # Half a request is none; anything else is a request that nobody should have sent.
            if connection.their_state is h11.ERROR and "closed" not in str(error):
                self.seen.append(["refused", 0, str(error)])
        except OSError:
            pass
        finally:
            tcp.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def wait_for(port):
    for _ in range(20_000):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
    sys.exit(f"nothing listens on {port}")


def gateway(port, home):
    file = pathlib.Path(home, "t.toml")
    file.write_text(CONFIG % port)
    command = [os.environ["TIDEGATE_BIN"], "run", "--config", file]
    env = {"HOME": home, "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=env, text=True)
    for line in process.stderr:
        if found := re.match(r"listening http://127\.0\.0\.1:(\d+)", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, int(found[1])
    sys.exit("the gateway did not start")


def sent(raw):
    """With a path that goes up in its first line, which says nothing of where a body ends."""
    line, end, rest = raw.partition(b"\r\n")
    words = line.split(b" ")
    if len(words) == 3 and re.fullmatch(rb"/[A-Za-z0-9/_-]{0,99}", words[1]):
        line = b" ".join([words[0], b"/v1/files", words[2]])
    return line + end + rest


def play(port, raw):
    with socket.create_connection(("127.0.0.1", port), 20) as tcp:
        try:
            tcp.sendall(sent(raw))
            while tcp.recv(65536):
                pass
        except ConnectionError:
            pass


def check(name, port, seen, home, settle=lambda: None):
    """Whether `seen` grew by what was meant of each case, in order, and by nothing else."""
    process, address = gateway(port, home)
    forwarded, bad = 0, 0
    for case in CASES:
        before = len(seen)
        play(address, case.read_bytes())
        settle()
        got = seen[before:]
        expected = json.loads(case.with_suffix(".expected.json").read_text())
        meant = iter([m["method"], m["body_len"], m["body_sha256"]] for m in expected["messages"])
        forwarded += len(got)
        if not all(any(one == request for one in meant) for request in got):
            bad += 1
            print(f"{name}: {case.name}: {got} of {expected['messages']}")
    process.kill()
    process.wait()
    print(f"{name}: {len(CASES)} cases, {forwarded} requests read, {bad} not as meant")
    return bad == 0 and forwarded >= 20


def h11_alone(home):
    recorder = Recorder()
    return check("h11", recorder.port, recorder.seen, home)


def node(home):
    seen = []
    process = subprocess.Popen(["node", "-e", NODE], stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().split()[1])

    settled = threading.Semaphore(0)

    def read():
        for line in process.stdout:
            request = json.loads(line)
            if request[0] == "PURGE":
                settled.release()
            else:
                seen.append(request)

    def settle():
        """What Node has printed before it answers this was read when this returns."""
        with socket.create_connection(("127.0.0.1", port), 20) as tcp:
            tcp.sendall(b"PURGE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            settled.acquire()

    threading.Thread(target=read, daemon=True).start()
    try:
        return check("node", port, seen, home, settle)
    finally:
        process.kill()


def proxy(name, text, command):
    def run(home):
        recorder, port = Recorder(), free_port()
        file = pathlib.Path(home, name)
        file.write_text(text % {"back": recorder.port, "home": home, "port": port})
        process = subprocess.Popen([*command, str(file)], stderr=subprocess.DEVNULL)
        wait_for(port)
        recorder.seen.clear()
        try:
            return check(name, port, recorder.seen, home)
        finally:
            process.kill()

    return run


def main():
    good = True
    for name, run in [
        ("h11", h11_alone),
        ("node", node),
        ("nginx", proxy("nginx", NGINX, ["nginx", "-c"])),
        ("haproxy", proxy("haproxy", HAPROXY, ["haproxy", "-f"])),
    ]:
        if name != "h11" and shutil.which(name) is None:
            print(f"{name}: SKIPPED, it is not installed")
            continue
        with tempfile.TemporaryDirectory() as home:
            good &= run(home)
    sys.exit(0 if good else 1)


main()
