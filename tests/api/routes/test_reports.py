"""The report with its own strict policy, and the plots."""

import json
from typing import Any

import pytest

from api import plots
from api.routes.reports import report_policy
from tests.api.routes.conftest import problem
from tests.api.support import AppClient


def test_the_report_is_a_page_that_can_load_nothing(reading: AppClient, path: str, done: dict[str, Any]) -> None:
    answer = reading.get(f"{path}/report.html")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline; ")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert done["id"] in answer.text and "<script" not in answer.text and " style=" not in answer.text
    assert reading.get(f"{path}/report.html", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_the_policy_names_the_style_of_the_very_page() -> None:
    # printf "body{}" | openssl dgst -sha256 -binary | base64
    assert "style-src 'sha256-fJgEClQWV1hGkK4qHMO0KotTsVnMYMXTq7/suurGyUo='" in report_policy(b"<style>body{}</style>")
    assert "style-src 'none'" in report_policy(b"<p>no style</p>")


@pytest.mark.parametrize("name", plots.NAMES)
@pytest.mark.parametrize(("form", "kind", "head"), [("json", "application/json", b"{"), ("svg", "image/svg+xml", b"<")])
def test_every_plot_has_numbers_and_a_picture(
    reading: AppClient, path: str, name: str, form: str, kind: str, head: bytes
) -> None:
    answer = reading.get(f"{path}/plots/{name}.{form}")
    assert answer.status_code == 200 and answer.headers["content-type"] == kind
    assert answer.content.lstrip().startswith(head)
    if form == "json":
        json.loads(answer.content, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    else:
        assert "sandbox" in answer.headers["content-security-policy"]
    tag = answer.headers["etag"]
    assert reading.get(f"{path}/plots/{name}.{form}", headers={"If-None-Match": tag}).status_code == 304


def test_a_picture_can_be_had_in_pixels(reading: AppClient, path: str) -> None:
    answer = reading.get(f"{path}/plots/front.png")
    assert answer.headers["content-type"] == "image/png" and answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name", ["nothing.svg", "front.gif", "front", "..%2ffront.svg", "front.svg.svg", "%00.svg", ".svg"]
)
def test_an_unknown_plot_is_a_404(reading: AppClient, path: str, name: str) -> None:
    problem(reading.get(f"{path}/plots/{name}"), 404, "not-found")
