"""Headers that are malformed, too many, too long, from elsewhere, or that contradict the request."""

import json

from tests.api.bad_inputs.cases import GOOD, Case, Header, get, post

_GOOD = json.dumps(GOOD).encode()
_RANGES = b"bytes=" + b",".join(b"%d-%d" % (i, i) for i in range(1000))

_ZIP = "/v1/searches/{done}/front/{point}/bundle.zip"


def _key(value: bytes) -> Header:
    return b"Idempotency-Key", value


KEYS: tuple[Case, ...] = (
    *(
        post(f"Idempotency-Key of {name}", _GOOD, 400, "invalid-request", _key(value))
        for name, value in (
            ("nothing", b""),
            ("spaces", b"   "),
            ("256 characters", b"k" * 256),
            ("4,000 characters", b"k" * 4000),
            ("two words", b"two words"),
            ("Latin-1", b"caf\xe9"),
            ("UTF-8", "schl\u00fcssel".encode()),
            ("a tab inside", b"a\tb"),
            ("DEL", b"a\x7fb"),
        )
    ),
    post("Idempotency-Key of 10,000 characters", _GOOD, 431, "too-large", _key(b"k" * 10_000)),
    post("two Idempotency-Keys", _GOOD, 400, "invalid-request", _key(b"one"), _key(b"two")),
)

POSITIONS: tuple[Case, ...] = tuple(
    get(f"Last-Event-ID {value!r}", "/v1/searches/{done}/events", 400, "invalid-request", (b"Last-Event-ID", value))
    for value in (
        b"-1",
        b"9223372036854775808",
        b"99999999999999999999",
        b"text",
        b"1.5",
        b"1,2",
        b"0x10",
        b"1e3",
        b"+1",
        b"\xb2",
        "\u0661".encode(),
        b"1 2",
        b"null",
        b"NaN",
        b"x" * 4000,
    )
) + tuple(
    get(f"after={value}", f"/v1/searches/{{done}}/events?after={value}", 422, "invalid-request")
    for value in ("-1", "9223372036854775808", "text", "1.5", "", "0x10", "%00", "1e3", "%D9%A1x", "NaN")
)

RANGES: tuple[Case, ...] = tuple(
    get(f"Range {value[:30]!r}", _ZIP, 416, "range-not-satisfiable", (b"Range", value))
    for value in (
        _RANGES,
        b"bytes=0-0,1-1",
        b"bytes=0-,0-,0-",
        b"bytes=99999999999-",
        b"bytes=9999999999999999999-",
        b"bytes=-0",
    )
)

SIZES: tuple[Case, ...] = (
    get("65 headers", "/v1/searches", 431, "too-large", *((b"X-H%d" % i, b"v") for i in range(64))),
    get("1,000 headers", "/v1/searches", 431, "too-large", *((b"X-H%d" % i, b"v") for i in range(1000))),
    get("a header of 9 kB", "/v1/searches", 431, "too-large", (b"X-Long", b"x" * 9000)),
    get("headers of 17 kB", "/v1/searches", 431, "too-large", *((b"X-H%d" % i, b"x" * 1000) for i in range(17))),
    get("a cookie of 9 kB", "/v1/searches", 431, "too-large", (b"Cookie", b"c=" + b"x" * 9000)),
    get("an If-None-Match of 9 kB", "/v1/searches/{done}", 431, "too-large", (b"If-None-Match", b'"' * 9000)),
    get("a path of 9 kB", "/v1/searches/" + "x" * 9000, 414, "too-large"),
    get("a query of 9 kB", "/v1/searches?label=" + "x" * 9000, 414, "too-large"),
    get("a query of 9 kB of parameters", "/v1/searches?" + "a&" * 4500, 414, "too-large"),
)

OVERRIDES: tuple[Case, ...] = tuple(
    get(f"{name} {verb}", "/v1/searches/{done}", 400, "invalid-request", (name.encode(), verb.encode()), method=method)
    for name in ("X-HTTP-Method-Override", "x-http-method", "X-Method-Override")
    for method, verb in (("GET", "DELETE"), ("POST", "DELETE"), ("HEAD", "PATCH"))
    if method != "HEAD"
)

SITES: tuple[Case, ...] = tuple(
    post(f"{name.decode()}: {value.decode()}", _GOOD, 403, "cross-site", (name, value))
    for name, value in (
        (b"Origin", b"https://evil.example"),
        (b"Origin", b"null"),
        (b"Origin", b"http://127.0.0.1.evil.example"),
        (b"Sec-Fetch-Site", b"cross-site"),
        (b"Sec-Fetch-Site", b"same-site"),
    )
) + tuple(
    Case(f"Host {host!r}", "GET", b"/v1/searches", 400, "invalid-request", host=host)
    for host in (b"evil.example", b"127.0.0.1.evil.example", b"0.0.0.0", b"", b"[::1", b"127.0.0.1:x", b"\xff")
)

LENGTHS: tuple[Case, ...] = tuple(
    post(f"Content-Length {value!r}", b"", 400, "invalid-request", (b"Content-Length", value))
    for value in (b"-1", b"+5", b"0x10", b"1.5", b"five", b"", b"5, 6", b"1_0", "\u0661".encode())
)

ALL = (*KEYS, *POSITIONS, *RANGES, *SIZES, *OVERRIDES, *SITES, *LENGTHS)
