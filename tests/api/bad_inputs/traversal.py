"""Two hundred spellings of the way out of a folder, as they would stand in a request path."""

from itertools import product

_GOALS = ("etc/passwd", "sparsearch.db", "page-token.key", "proc/self/environ", "targets.toml")
_DOTS = (
    b"..",
    b"%2e%2e",
    b"%2E%2e",
    b".%2e",
    b"%252e%252e",
    b"%25252e%25252e",
    b"%c0%ae%c0%ae",
    b"%e0%80%ae%e0%80%ae",
    b"%uff0e%uff0e",
    b"%ef%bc%8e%ef%bc%8e",
    b"..%00",
    b"..;",
    b"....",
    b"...",
    b"..%20",
)
_SLASHES = (b"/", b"%2f", b"%252f", b"%5c", b"%c0%af", b"//", b"/./", b"%2f%2f")

_SINGLE = (
    b".",
    b"..",
    b"%2e",
    b"%2e%2e",
    b"...",
    b"%00",
    b"x%00.json",
    b"%0a",
    b"%0d%0aSet-Cookie:%20x=1",
    b"x%23../../etc/passwd",
    b"x%3f../../etc/passwd",
    b"x;/../../etc/passwd",
    b"~root",
    b"~%2f.ssh",
    b"/etc/passwd",
    b"//etc/passwd",
    b"%2fetc%2fpasswd",
    b"%2f%2fetc%2fpasswd",
    b"file:%2f%2f%2fetc%2fpasswd",
    b"file:///etc/passwd",
    b"http:%2f%2f127.0.0.1:1%2fx",
    b"C:%5cwindows%5cwin.ini",
    b"%5c%5chost%5cshare",
    b"..%5c..%5c..%5cwindows%5cwin.ini",
    b"CON",
    b"NUL.txt",
    b"%ff%fe",
    b"%80",
    b"%f0%9f%98%80",
    b"%e2%80%ae",
    b"%25",
    b"%",
    b"%zz",
    b"%2",
    b"*",
    b"%2a",
    b"[a-z]",
    b"$HOME",
    b"%24%7bHOME%7d",
    b"`id`",
    b"x|id",
    b"'%20OR%20'1'='1",
    b"%27%3b%20DROP%20TABLE%20searches%3b--",
    b"x" * 4000,
    b"proc%2fself%2fenviron",
    b"runs",
    b"bundles",
    b"linked",
    b"linked%2fpasswd",
    b".git%2fconfig",
    b"__pycache__",
    b"index.html%00.zip",
    b"-rf",
    b"--help",
)


def _climbs() -> list[bytes]:
    """Every kind of dot with every kind of slash, towards one goal; every fourth towards a second one."""
    found = []
    for i, (dots, slash) in enumerate(product(_DOTS, _SLASHES)):
        for goal in (_GOALS[i % 5], _GOALS[(i + 2) % 5])[: 2 if i % 4 == 0 else 1]:
            found.append(slash.join([dots] * 6) + slash + goal.encode().replace(b"/", slash))
    return found


LIST: tuple[bytes, ...] = tuple(dict.fromkeys([*_SINGLE, *_climbs()]))
"""Raw path text."""
