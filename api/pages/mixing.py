"""What must be said before latencies of several searches are shown beside each other."""

from collections.abc import Sequence

from api.pages.words import setting_words
from api.schemas.search import Search


def warnings(searches: Sequence[Search], left_out: int = 0) -> list[dict[str, str]]:
    """Titles and texts: unlike devices, settings, targets, metrics; simulated ones among real ones."""
    said = []
    if left_out:
        said.append(
            _say("Not all are shown.", f"{left_out} more were asked for than can be told apart in one picture.")
        )
    if len(searches) < 2:
        return said
    keys = {one.device.key for one in searches if one.device is not None}
    if len(keys) > 1:
        names = sorted({one.device.name for one in searches if one.device is not None})
        where = (
            f"They were measured on {'; '.join(names)}. " if len(names) > 1 else "Their settings or drivers differ. "
        )
        said.append(
            _say(
                "Unlike devices.",
                f"{where}Compare the shapes of the fronts, not milliseconds of one with those of another.",
            )
        )
    settings = sorted({setting_words(one) for one in searches})
    if len(settings) > 1:
        said.append(_say("Unlike settings.", f"What was timed differs: {'; '.join(settings)}."))
    if len({one.request.stat for one in searches}) > 1:
        said.append(_say("Unlike statistics.", "Some budgets are on the median and some on a percentile."))
    if len({one.target for one in searches}) > 1:
        said.append(_say("Unlike targets.", "Accuracies of different models or data do not compare."))
    if len({one.metric for one in searches}) > 1:
        said.append(
            _say("Unlike metrics.", "The searches maximise different metrics; the axis is named after the first.")
        )
    if len({one.simulated for one in searches if one.simulated is not None}) > 1:
        said.append(_say("Some are simulated.", "Their numbers are no statement about real hardware."))
    return said


def _say(title: str, text: str) -> dict[str, str]:
    return {"title": title, "text": text}
