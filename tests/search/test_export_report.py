"""The report: complete, self-contained, honest."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from models.zoo import FAMILIES
from search.export.metafile import metafile
from search.export.readme import readme
from search.export.report.page import report
from search.export.report.svg import Axis, element, text
from search.export.subject import verdict
from tests.search.export_subjects import subject, timing

_VOID = {"meta", "br", "hr", "img", "link"}


class _Balance(HTMLParser):
    """Fails when tags do not nest; counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _read(page: str) -> _Balance:
    reader = _Balance()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_it_holds_three_pictures_and_the_tables_in_balanced_tags() -> None:
    reader = _read(report(subject()))
    assert reader.count["svg"] == 3 and reader.count["table"] == 4
    assert reader.count["h1"] == 1


def test_it_names_no_address_and_runs_no_script() -> None:
    page = report(subject())
    assert not re.search(r"https?:|//[a-z]|src=|href=|url\(|@import|<script|\son[a-z]+=", page)
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_it_adapts_to_the_dark_and_to_paper() -> None:
    assert "prefers-color-scheme: dark" in (page := report(subject())) and "@media print" in page


def test_hostile_words_stay_words() -> None:
    page = report(subject(target="<img src=x onerror=alert(1)>", search="</style><script>"))
    assert "<img" not in page and "<script" not in page
    _read(page)


def test_a_simulated_answer_says_so_and_a_real_one_does_not() -> None:
    assert "Simulated" in report(subject()) and "Simulated" in readme(subject(), "name", None)
    assert "Simulated" not in report(subject(simulated=False))


def test_front_points_show_whether_they_were_measured() -> None:
    page = report(subject())
    assert page.count('class="front-point measured"') == 2 and page.count('class="front-point predicted"') == 2


def test_the_verdict_gives_plan_latency_interval_accuracy_saving_and_confirmation() -> None:
    words = verdict(subject())
    for part in ("stage0=0.6", "41.5 box mAP", "33.00 ms", "32.84 to 33.16", "35 ms", "31 %", "300 images", "41.1"):
        assert part in words


def test_a_plan_that_was_not_shown_to_fit_is_not_sold_as_one() -> None:
    chosen = subject().chosen
    slow = subject(chosen=replace(chosen, timing=timing(34.9)))
    predicted = subject(chosen=replace(chosen, timing=timing(33.0, measured=False)))
    assert not slow.meets_budget and "NOT shown" in verdict(slow)
    assert not predicted.meets_budget and "NOT shown" in verdict(predicted)


def test_one_plan_alone_and_equal_values_still_make_pictures() -> None:
    made = subject()
    _read(report(replace(made, front=(made.chosen,), dense=made.chosen, floor=made.chosen, confirmed=None)))


def test_the_zoo_entry_states_latency_per_image_with_its_circumstances() -> None:
    import yaml

    entry = yaml.safe_load(metafile(subject(simulated=False), "name", "w.pth", FAMILIES[0]))["Models"][0]
    (time,) = entry["Metadata"]["inference time (ms/im)"]
    assert time["value"] == 8.25 and time["batch size"] == 4 and time["mode"] == "FP32"
    assert time["resolution"] == "(672, 672)" and entry["Weights"] == "w.pth"
    assert entry["Results"][0]["Metrics"] == {"box AP": 41.1}
    assert "Weights" not in yaml.safe_load(metafile(subject(), "name", None, FAMILIES[0]))["Models"][0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (9.6, 47.9, [10, 20, 30, 40]), (-1.0, 1.0, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round_numbers_inside_the_axis(low: float, high: float, ticks: list[float]) -> None:
    assert Axis(low, high, 0, 100).ticks() == ticks


def test_an_axis_over_equal_or_unusable_values_has_room() -> None:
    assert Axis.over([5.0, 5.0], 0, 100).low < 5 < Axis.over([5.0], 0, 100).high
    assert Axis.over([float("nan"), float("inf")], 0, 100).ticks()


def test_svg_escapes_text_and_attributes() -> None:
    assert text(1, 2, "<&>").count("&lt;&amp;&gt;") == 1
    assert element("a", title='"><script>') == '<a title="&quot;&gt;&lt;script&gt;"></a>'


def test_readme_says_that_no_fine_tuning_is_needed_where_none_is() -> None:
    free, tuned = (readme(subject(kind="video"), "name", "w-01.pth", free) for free in (True, False))
    assert "**No fine-tuning is needed**" in free and "No fine-tuning" not in tuned
    assert "sparsearch test finetune.py w-01.pth --eval top_k_accuracy" in free
    assert "Fine-tuning stays possible" in free and "sparsearch train finetune.py" in free
    assert "--eval bbox segm" in readme(subject(kind="detection"), "name", "w-01.pth")
