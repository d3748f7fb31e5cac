"""Numbers and choices that are out of range, of another type, or no JSON."""

from tests.api.bad_inputs.cases import Case, field, fields, literal, post

_NO_NUMBERS = ("42", "42ms", "", True, [], {}, [42])
_LITERALS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x2A", "042", "+42", ".5", "42.", "1_000", "1" * 5000)

MS: tuple[Case, ...] = (
    *fields("max_ms", (0, -0.0, -1, 1e-9, 1e308, 10**18, None, *_NO_NUMBERS)),
    *(post(f"max_ms={text[:12]} as it is written", literal("max_ms", text), 400) for text in _LITERALS),
    *fields("min_ms", (0, -0.0, -1, 35.0, 35.1, 1e308, *_NO_NUMBERS)),
    *(post(f"min_ms={text} as it is written", literal("min_ms", text), 400) for text in ("NaN", "Infinity")),
    post("max_ms left out", b'{"target": "synthetic-swin-t"}', 422, pointer="/max_ms"),
)

SETTING: tuple[Case, ...] = (
    *fields("setting", ("", [], 1, True, None)),
    *fields("setting.batch", (0, -1, 2**31, 2**63, 1.5, *_NO_NUMBERS)),
    *fields("setting.threads", (0, -1, 2**31, 1.5, "all")),
    *fields("setting.img_size", ([], 672, "672", {"h": 672}), name=None),
    *(
        post(f"img_size={size}", literal("setting.img_size", size), 422)
        for size in (
            "[672]",
            "[672,672,672]",
            "[671,672]",
            "[0,0]",
            "[-672,672]",
            "[672.5,672]",
            "[16384,672]",
            '["672","672"]',
            "[null,672]",
            "[true,672]",
            "[4611686018427387904,672]",
        )
    ),
    *fields("setting.scope", ("all", "", 1, "Backbone")),
    *fields("setting.dtype", ("int8", "", 32, "float64", "torch.float32")),
    *fields("setting.runtime", ("jit", "", 0, "graph;eager")),
    *fields(
        "setting.device",
        (
            "",
            "cuda",
            "cuda:-1",
            "cuda:999",
            "/dev/nvidia0",
            "cpu;id",
            "sim:",
            "sim:-1",
            "sim:0/../..",
            "tpu:0",
            0,
            "CPU",
            "cpu\n",
            "s\u0131m:0",
        ),
    ),
    post("a simulated target on a real device", literal("setting.device", '"cpu"'), 422),
)

EFFORT: tuple[Case, ...] = (
    *fields("effort", ("", [], 1, True, None)),
    *fields("effort.evaluations", (0, -1, 10**12, 2**63, 2**64, 1.5, *_NO_NUMBERS)),
    *fields("effort.seconds", (0, -1, 1e9, "60", True)),
    post("effort.seconds=NaN", literal("effort.seconds", "NaN"), 400),
    *fields("effort.images", (0, -1, 10**12, 1.5, "all")),
    *fields("effort.workers", (0, -1, 10**6, 1.5, "8", None)),
    *fields("effort.preset", ("fast", "", None, 1, "QUICK")),
)

CHOICES: tuple[Case, ...] = (
    *fields("seed", (-1, 2**63, 2**64, 10**30, 1.5, "0", None, True, [])),
    *fields("stat", ("mean", "", "p50", 95, None, "P95")),
    *fields("sampler", ("", "cmaes", "os.system", "__import__('os')", None, 1, "Evolution")),
    *fields(
        "target",
        (
            None,
            5,
            [],
            {},
            "",
            "Synthetic-swin-t",
            "a" * 65,
            "../../etc/passwd",
            "synthetic-swin-t\n",
            "synthetic-swin-t ",
            "-x",
            "s\u0443nthetic",
            "http://127.0.0.1:1/x",
            "/etc/passwd",
            "a.py",
        ),
    ),
    field("target", "no-such-target", status=422, type="unknown-target"),
    field("target", "synthetic", status=422, type="unknown-target"),
    post("target left out", b'{"max_ms": 35}', 422, pointer="/target"),
)

ALL = (*MS, *SETTING, *EFFORT, *CHOICES)
