"""Parameters of paths and queries that are out of range, ids of nothing, methods that a path does not take."""

from tests.api.bad_inputs.cases import Case, get, post

_NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

LISTS: tuple[Case, ...] = tuple(
    get(query[:40], f"/v1/searches?{query}", 422, "invalid-request")
    for query in (
        "page_size=0",
        "page_size=-1",
        "page_size=201",
        "page_size=1e3",
        "page_size=ten",
        "page_size=",
        "page_size=1.5",
        "page_size=99999999999999999999",
        "state=nonsense",
        "state=",
        "state=QUEUED",
        "state=queued%00",
        "label=team",
        "label=",
        "label=:x",
        "label=Team:x",
        "label=a%20b:x",
        "label=a/b:x",
        "label=a:b%00",
        "label=%FF:x",
        "target=" + "x" * 65,
    )
) + tuple(
    get(query, f"/v1/searches/{{done}}/trials?{query}", 422, "invalid-request")
    for query in ("state=queued", "feasible=maybe", "feasible=2", "feasible=", "page_size=0", "page_size=1000")
)

SHOWN: tuple[Case, ...] = tuple(
    get(f"{path}?{query}", f"/v1/searches/{{done}}{path}?{query}", 422, "invalid-request")
    for path, queries in (
        ("", ("wait=-1", "wait=61", "wait=nan", "wait=inf", "wait=1e308", "wait=soon", "wait=")),
        (
            "/front",
            (
                "budget_ms=0",
                "budget_ms=-1",
                "budget_ms=nan",
                "budget_ms=inf",
                "budget_ms=1e308",
                "budget_ms=ten",
                "budget_ms=",
                "format=xml",
                "format=",
                "format=CSV",
            ),
        ),
        ("/events", ("follow=maybe", "follow=", "follow=2")),
    )
    for query in queries
)

NUMBERS: tuple[Case, ...] = tuple(
    get(f"trial {number}", f"/v1/searches/{{done}}/trials/{number}{rest}", 422, "invalid-request")
    for number in ("-1", "2147483648", "1.5", "one", "0x0", "%00", "99999999999999999999999")
    for rest in ("", "/log")
)

ABSENT: tuple[Case, ...] = (
    *(
        get(f"{method} {rest or 'of nobody'}", f"/v1/searches/{_NOBODY}{rest}", 404, "not-found", method=method)
        for method, rest in (
            ("GET", ""),
            ("GET", "/events"),
            ("GET", "/trials"),
            ("GET", "/trials/0"),
            ("GET", "/trials/0/log"),
            ("GET", "/front"),
            ("GET", "/front/0123456789ab/bundle.zip"),
            ("GET", "/front/0123456789ab/config.py"),
            ("GET", "/front/0123456789ab/manifest.json"),
            ("GET", "/front/0123456789ab/metafile.yml"),
            ("GET", "/report.html"),
            ("GET", "/plots/front.svg"),
            ("POST", "/cancel"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/stop"),
            ("DELETE", ""),
        )
    ),
    get("the newest by name", "/v1/searches/last", 404, "not-found"),
    get("part of an id", "/v1/searches/{part}", 404, "not-found"),
    get("an id in another case", "/v1/searches/{DONE}", 404, "not-found"),
    get("a deleted search", "/v1/searches/{deleted}", 404, "not-found"),
    get("events of a deleted search", "/v1/searches/{deleted}/events", 404, "not-found"),
    get("a deleted search again", "/v1/searches/{deleted}", 404, "not-found", method="DELETE"),
    get("a trial that was never asked for", "/v1/searches/{done}/trials/2147483647", 404, "not-found"),
    *(
        get(f"point {point[:20]}", f"/v1/searches/{{done}}/front/{point}/bundle.zip", 404, "not-found")
        for point in ("000000000000", "x", "0123456789AB", "{point}0", "%00", "a" * 4000)
    ),
    *(
        get(f"plot {name}", f"/v1/searches/{{done}}/plots/{name}", 404, "not-found")
        for name in (
            "nothing.svg",
            "front.pdf",
            "front.html",
            "front.SVG",
            "front.",
            ".svg",
            "front",
            "front.svg.png",
            "front.%00svg",
            "os.path.svg",
        )
    ),
    get("the config of a simulated search", "/v1/searches/{done}/front/{point}/config.py", 404, "not-found"),
    get(
        "a file that bundles have but nobody serves",
        "/v1/searches/{done}/front/{point}/latency_samples.json",
        404,
        "not-found",
    ),
    get("a problem type", "/problems/nothing", 404, "not-found"),
    get("a path", "/v1/nothing", 404, "not-found"),
    get("a version", "/v2/searches", 404, "not-found"),
    get("pages about the API that load scripts", "/docs", 404, "not-found"),
)

STATES: tuple[Case, ...] = (
    *(
        get(f"{action} of {state}", f"/v1/searches/{{{state}}}/{action}", 409, "state-conflict", method="POST")
        for state, action in (
            ("done", "cancel"),
            ("done", "pause"),
            ("done", "resume"),
            ("done", "stop"),
            ("infeasible", "cancel"),
            ("infeasible", "pause"),
            ("infeasible", "resume"),
            ("infeasible", "stop"),
            ("failed", "cancel"),
            ("failed", "pause"),
            ("failed", "stop"),
            ("cancelled", "pause"),
            ("cancelled", "stop"),
        )
    ),
    get("deleting what has not ended", "/v1/searches/{paused}", 409, "state-conflict", method="DELETE"),
    *(
        get(f"{path} of {state}", f"/v1/searches/{{{state}}}{path}", 409, "not-exportable")
        for state in ("failed", "paused")
        for path in ("/report.html", "/front/0123456789ab/bundle.zip", "/front/0123456789ab/manifest.json")
    ),
    get("the report of a search without an answer", "/v1/searches/{infeasible}/report.html", 404, "not-found"),
)

_PATHS = (
    "/v1/searches",
    "/v1/searches/{done}",
    "/v1/searches/{done}/events",
    "/v1/searches/{done}/trials",
    "/v1/searches/{done}/front",
    "/v1/searches/{done}/cancel",
    "/search",
    "/v1/searches:validate",
    "/v1/targets",
    "/v1/models",
    "/v1/devices",
    "/v1/checkpoints",
    "/healthz",
    "/readyz",
    "/metrics",
    "/version",
    "/openapi.json",
)

METHODS: tuple[Case, ...] = (
    *(
        get(f"{method} {path}", path, 405, "method-not-allowed", method=method)
        for path in _PATHS
        for method in ("TRACE", "PUT", "PATCH", "OPTIONS", "PROPFIND")
    ),
    *(
        get(f"{method} /", "/", 405, "method-not-allowed", method=method)
        for method in ("TRACE", "DEBUG", "BREW", "get", "G3T")
    ),
    get("GET of an action", "/v1/searches/{done}/cancel", 405, "method-not-allowed"),
    get("DELETE of the list", "/v1/searches", 405, "method-not-allowed", method="DELETE"),
    get("GET of the dry run", "/v1/searches:validate", 405, "method-not-allowed"),
    get("GET of the short path", "/search", 405, "method-not-allowed"),
    get("GET of the sign-in", "/session", 405, "method-not-allowed"),
    post("POST to a health check", b"{}", 405, "method-not-allowed", target=b"/healthz"),
    get("DELETE of a trial", "/v1/searches/{done}/trials/0", 405, "method-not-allowed", method="DELETE"),
)

ALL = (*LISTS, *SHOWN, *NUMBERS, *ABSENT, *STATES, *METHODS)
