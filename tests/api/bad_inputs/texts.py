"""Names and labels that are no short printable line."""

from tests.api.bad_inputs.cases import Case, fields, literal, post

_UNPRINTABLE = (
    "two\nlines",
    "carriage\rreturn",
    "both\r\nX-Injected: 1",
    "tab\tbed",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "\u200e\u200f",
    "line\u2028separator",
    "next\x85line",
    "\ufeffbom",
    "escape\x1b[2J",
    "bell\x07",
    "delete\x7f",
    "private\ue000use",
    "not a character\uffff",
)

NAMES: tuple[Case, ...] = (
    *fields("name", ("x" * 201, "x" * 10_000, "\U0001f600" * 201, None, 5, True, [], {}, ["name"])),
    *fields("name", _UNPRINTABLE),
    post("name with NUL", literal("name", '"a\\u0000b"'), 400),
    post("name with half a surrogate pair", literal("name", '"\\ud800"'), 400),
    post("name with a raw control character", literal("name", '"a\x01b"'), 400),
)

LABELS: tuple[Case, ...] = (
    *fields("labels", (None, [], "team", 5, True, [["team", "vision"]], {f"k{i}": "v" for i in range(33)})),
    *fields(
        "labels",
        tuple(
            {key: "v"}
            for key in (
                "",
                "K",
                "a b",
                "a/b",
                "../../etc/passwd",
                "k" * 65,
                "\u00e9",
                "a\nb",
                "<b>",
                "=1+1",
                "a'b",
                "{{7*7}}",
                "$x",
                "a:b",
            )
        ),
    ),
    *fields("labels", tuple({"team": value} for value in (None, 5, True, [], {}, "x" * 201, *_UNPRINTABLE[:6]))),
    post("label with NUL", literal("labels", '{"team": "a\\u0000b"}'), 400),
    post("a label twice", literal("labels", '{"team": "a", "team": "b"}'), 400),
)

ALL = (*NAMES, *LABELS)
