#!/usr/bin/env python3
"""Compares our HTTP/1 verdicts with a plain reading of the RFCs on mutated messages.

  python3 fuzz/differential.py ORACLE.py CORPUS_DIR [--count 4000] [--seed 1] [--keep DIR]

ORACLE.py has `expect(raw, kind)`, as the corpora's `oracles/expected_http1.py` does. Each mutated
message is written beside its expectation, and the crate's own corpus test does the comparing:
whole, at every split, byte by byte. Never writes into the corpus; the seed makes a run repeatable.
"""
import argparse, importlib.util, json, os, random, re, shutil, subprocess, sys, tempfile

BYTES = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"\x0b", b"\x7f",
         b"\x80", b"\xff", b"0", b"1", b"f", b"_", b"[", b"]", b"@", b"/", b"?", b"#", b"%", b"*", b"."]
HOSTS = ["a", "ab", "a.b", "a.bc", "ab.", "ab..", ".ab", "..", ".", "", "ab:", "ab:1", "ab:65535", "ab:65536", "ab:000001",
         "ab:00001", "ab:1a", "[::1]", "[::1]:8", "[::1", "[]", "[g::]", "[v1.x]", "[v.x]", "[v1.]", "[v1.%]", "[1..2]", "u@ab",
         "ab/c", "ab?c", "ab#c", "a%20b", "a b", "a,b", "192.168.10.20", "127.0.0.10:80", "x[::1]", "[::1]x", "a\\b", "ab!$&'()*+,;=~_-"]
LINES = ["Content-Length: 0", "Content-Length: 3", "Content-Length: 03", "Content-Length: 3,3", "Content-Length: ", "Content-Length: -1",
         "Content-Length: 9223372036854775807", "Content-Length: 9223372036854775808", "Content-Length: 00000000000000000000003",
         "Transfer-Encoding: chunked", "Transfer-Encoding: CHUNKED", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, gzip",
         "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: gzip",
         "Transfer-Encoding: identity", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding:", "Transfer-Encoding: \"chunked\"",
         "Connection: close", "Connection: keep-alive", "Connection: Close, x", "Connection: xclose", "Connection: upgrade", "Connection: ,",
         "Connection: notupgrade", "Upgrade: h2c", "Authorization: a", "X-Api-Key: k", "Expect: 100-continue", "Host: ab.example", "x_y: z",
         "Trailer: x", " folded", "\tfolded", "nocolon", ": noname", "a : b", "a\t: b", "é: x", "x: é", "x: a\x01b", "x:", "x: \t y \t "]
STARTS = ["GET / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ",
          "CONNECT ab.example:443 HTTP/1.1", "CONNECT ab.example HTTP/1.1", "OPTIONS * HTTP/1.1", "GET * HTTP/1.1", "POST http://HOST/x HTTP/1.1",
          "POST http://HOST HTTP/1.1", "GET urn:x HTTP/1.1", "GET x HTTP/1.1", "G@T / HTTP/1.1", "GET /a\tb HTTP/1.1", "GET /\x0b HTTP/1.1"]
STATUS = ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304 x", "HTTP/1.1 100 Continue", "HTTP/1.1 101 Switching",
          "HTTP/1.1 999 ", "HTTP/1.1 200", "HTTP/1.1  200 OK", "HTTP/1.1 200  OK", "HTTP/2.0 200 OK", "HTTP/1.5 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 200\tOK"]
CHUNKS = ["3\r\nabc\r\n", "03\r\nabc\r\n", "3;a=b\r\nabc\r\n", "3 ; a = \"b\\\"c\" ;d \r\nabc\r\n", "3 \r\nabc\r\n", "3;\r\nabc\r\n", "3;a=\r\nabc\r\n",
          "3;a b\r\nabc\r\n", "3\nabc\r\n", "3\r\nabcd", "3\r\nabc\n", "g\r\n", "\r\n", "0x3\r\nabc\r\n", "0000000000000003\r\nabc\r\n",
          "00000000000000003\r\nabc\r\n", "fffffffffffffff\r\n", "1000000000000000\r\n", "3;a=\"\x01\"\r\nabc\r\n", "A\r\n0123456789\r\n"]
ENDS = ["0\r\n\r\n", "0;x\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nHost: y\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n", "0\r\nx\r\n\r\n", "0\r\n x: y\r\n\r\n",
        "0\r\nx: y\r\n z\r\n\r\n", "0\r\nx : y\r\n\r\n", "0\r\nx: y\n\r\n", "0\r\nauthorization: y\r\n\r\n", "0\r\nTrailer: y\r\n\r\n", "0\r\nhosts: y\r\n\r\n", "", "0\r\n"]

def composed(rnd, kind):
    """A message put together from good and bad parts: most have one bad part or none."""
    host = rnd.choice(HOSTS) if rnd.random() < .4 else "ab.example"
    if kind == "request":
        start = rnd.choice(STARTS) if rnd.random() < .4 else rnd.choice(["GET / HTTP/1.1", "POST /v1/messages HTTP/1.1"])
        lines = [start.replace("HOST", rnd.choice(HOSTS)), "Host: " + host]
    else:
        lines = [rnd.choice(STATUS) if rnd.random() < .5 else "HTTP/1.1 200 OK"]
    for _ in range(rnd.choice([0, 0, 1, 1, 2, 3])):
        lines.insert(rnd.randint(1, len(lines)), rnd.choice(LINES))
    body = rnd.choice(["", "", "abc", "abcdef"])
    if rnd.random() < .4:
        lines.append("Transfer-Encoding: chunked")
        good = ["3\r\nabc\r\n", "1\r\nx\r\n"]
        body = "".join(rnd.choice(CHUNKS) if rnd.random() < .4 else rnd.choice(good) for _ in range(rnd.randint(0, 3)))
        body += rnd.choice(ENDS) if rnd.random() < .6 else "0\r\n\r\n"
    end = "\n" if rnd.random() < .02 else "\r\n"
    return (end.join(lines) + end + end + body).encode("latin-1")

def mutated(rnd, raw, others):
    for _ in range(rnd.choice([1, 1, 1, 2, 3])):
        i, j = sorted((rnd.randint(0, len(raw)), rnd.randint(0, len(raw))))
        act = rnd.randint(0, 8)
        if act == 0: raw = raw[:i] + rnd.choice(BYTES) + raw[i:]
        elif act == 1: raw = raw[:i] + raw[i + 1:]
        elif act == 2: raw = raw[:i] + rnd.choice(BYTES) + raw[i + 1:]
        elif act == 3: raw = raw[:i]
        elif act == 4: raw = raw[:i] + raw[min(j, i + 12):]
        elif act == 5: raw = raw[:i] + rnd.choice(others)[:rnd.randint(1, 200)]
        elif act == 6: raw = raw + rnd.choice([b"", b"\r\n", b"\r"]) + rnd.choice(others)
        elif act == 7:
            ends = [m.end() for m in re.finditer(rb"\n", raw)] or [0]
            at = rnd.choice(ends)
            raw = raw[:at] + rnd.choice(LINES).encode("latin-1") + b"\r\n" + raw[at:]
        else:
            raw = re.sub(rb"(?i)(host: )[^\r\n]*", lambda m: m.group(1) + rnd.choice(HOSTS).encode(), raw, count=1)
    return raw[:600]

def expectation(oracle, raw, kind):
    e = oracle.expect(raw, kind)
    head = e.get("partial_head")
    if kind == "request" and head:
        H = [[a.encode("latin-1"), b.encode("latin-1")] for a, b in head["headers"]]
        low = [n.lower() for n, _ in H]
        hosts = [v for n, v in H if n.lower() == b"host"]
        ok = len(hosts) == 1 and oracle.authority(hosts[0]) or head["version"] == "HTTP/1.0" and not hosts
        a = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)", head["target"])
        codings = [x for n, v in H if n.lower() == b"transfer-encoding" for x in v.lower().split(b",")]
        broken = [] if ok and not (a and not oracle.authority(a.group(1).encode("latin-1"))) else ["host"]
        if head["method"] == "CONNECT": broken.append("connect")
        if len(codings) > 1: broken.append("codings")
        broken += [k.decode() for k in (b"authorization", b"x-api-key", b"expect") if low.count(k) > 1]
        e["partial_gateway_reasons"] = broken
    return e

def known_difference(raw):
    """The one deliberate difference: a dotted quad whose last number has one digit is a host."""
    return re.search(rb"(?<![0-9.A-Za-z])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d(?![0-9A-Za-z.])", raw) is not None

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("oracle"); a.add_argument("corpus")
    a.add_argument("--count", type=int, default=4000); a.add_argument("--seed", type=int, default=1); a.add_argument("--keep")
    a = a.parse_args()
    spec = importlib.util.spec_from_file_location("oracle", a.oracle)
    oracle = importlib.util.module_from_spec(spec); spec.loader.exec_module(oracle)
    seeds = {"req": [], "resp": []}
    for f in sorted(os.listdir(a.corpus)):
        ext = f.rsplit(".", 1)[-1]
        if ext in seeds:
            with open(os.path.join(a.corpus, f), "rb") as h: seeds[ext].append(h.read())
    rnd = random.Random(a.seed)
    root = a.keep or tempfile.mkdtemp(); out = os.path.join(root, "http1"); os.makedirs(out, exist_ok=True)
    tally = {}
    for n in range(a.count):
        ext = "req" if n % 3 else "resp"; kind = "request" if ext == "req" else "response"
        way = rnd.random()
        raw = composed(rnd, kind) if way < .5 else rnd.choice(seeds[ext])
        if way >= .35: raw = mutated(rnd, raw, seeds[ext])
        if known_difference(raw): continue
        e = expectation(oracle, raw, kind)
        tally[kind + " " + e["gateway"]] = tally.get(kind + " " + e["gateway"], 0) + 1
        with open(os.path.join(out, "m%05d.%s" % (n, ext)), "wb") as h: h.write(raw)
        with open(os.path.join(out, "m%05d.expected.json" % n), "w") as h: json.dump(e, h)
    print(tally, flush=True)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = subprocess.call(["cargo", "test", "--lib", "corpus_http1", "--", "--nocapture"], cwd=here, env=dict(os.environ, TIDEGATE_CORPORA=os.path.abspath(root)))
    if not a.keep: shutil.rmtree(root)
    return code

if __name__ == "__main__":
    sys.exit(main())
