"""Names that attack whatever they are copied into: Python, templates, HTML, CSV, shells, terminals, paths, SQL."""

from collections.abc import Iterator
from itertools import product

CALL = "__import__('os').system('touch CANARY')"
"""Leaves a file behind wherever it is executed."""

CORE = (
    CALL,
    f"'+{CALL}+'",
    f'"+{CALL}+"',
    f"'''+{CALL}+'''",
    f'"""+{CALL}+"""',
    f"\\'+{CALL}+\\'",
    f"';{CALL};'",
    f'";{CALL};"',
    f"')\n{CALL}\n('",
    f"'\n{CALL}\n'",
    f"\n{CALL}",
    f"\r{CALL}",
    f"\x0c{CALL}",
    f"\u2028{CALL}",
    f"\u2029{CALL}",
    f"\x85{CALL}",
    f"\\\n{CALL}",
    "# -*- coding: utf-7 -*-\n+AF8-+AF8-import+AF8-+AF8-('os').system('touch CANARY')",
    "# coding: rot13",
    f"{{{{ {CALL} }}}}",
    "{{ fileDirname }}",
    "{{ fileDirname }}/../../evil.py",
    "{{ fileBasenameNoExtension }}",
    "{{ $HOME:/root }}",
    "{{_base_.model}}",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "{%raw%}",
    "%(x)s %s %d %n",
    "{0.__class__.__mro__}",
    f"$({CALL})",
    "`touch CANARY`",
    "; touch CANARY #",
    "| touch CANARY",
    "&& touch CANARY",
    "\ntouch CANARY\n",
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "<svg/onload=alert(1)>",
    "&lt;b&gt;",
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "~/.ssh/id_rsa",
    "C:\\x",
    "file:///etc/passwd",
    "http://127.0.0.1:1/x",
    "a\x00b",
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "\ufeffbom",
    "\ud800",
    "\udfff\ud800",
    "e\u0301\u0301\u0301",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "'; DROP TABLE searches; --",
    "\\",
    "\\\\",
    "\\'",
    "\\x27",
    "\\N{QUOTATION MARK}",
    "'",
    '"',
    "'\"'\"",
    "'''",
    '"""',
    "{",
    "}",
    "}}",
    "{{",
    "dict(",
    "None",
    "True",
    "__class__",
    "_base_",
    "_delete_",
    "custom_imports",
    "a" * 10_000,
    "'" * 199,
    "\\" * 199,
)

_WRAPS = ("{}", "x{}", "{}x", "{}\\", "'{}'", '"{}"', "{}#", "r'{}'", "f'{}'", "b'{}'")


def names(count: int = 500) -> tuple[str, ...]:
    """So many different hostile names, the plain ones first; always the same."""
    return tuple(_distinct(count))


def _distinct(count: int) -> Iterator[str]:
    seen: set[str] = set()
    for wrap, core in product(_WRAPS, CORE):
        name = wrap.replace("{}", core)
        if name not in seen:
            seen.add(name)
            yield name
        if len(seen) == count:
            return
    raise AssertionError(f"only {len(seen)} different names; add to CORE")
