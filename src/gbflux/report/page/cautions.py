"""Cautions that a reader of a page should know before quoting a number from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gbflux.case import model
from gbflux.measure.error_text import error_records, value_at
from gbflux.measure.estimated_errors import CONVERGED
from gbflux.report.page.folders import Run, Study
from gbflux.report.page.wording import METRICS, written

FEW = 5  # realisations below which an interval says little
_LARGEST_IMBALANCE = 1e-6
_ACCURACIES = {  # kinds of accuracy that a case may ask for
    "conductance": "relative width of the certified bracket",
    "hot_spots": "largest relative error of the hot-spot measures",
}
_TOO_COARSE = f"Estimated discretisation error above {100 * CONVERGED:g} %"
_MOST_LISTED = 5
_REMEDY = "A finer mesh makes it smaller."
_NAMES = {metric.key: metric.name for metric in METRICS}


def run_cautions(runs: Sequence[Run]) -> list[str]:
    """Warnings of one run, or of two compared ones with their names before them."""
    of_run = {
        run.label: [
            *_physics([run.provenance]),
            *_plain_cautions(run.result),
            *_large_errors(run.result),
            *run.notes,
        ]
        for run in runs
    }
    shared = [text for text in of_run[runs[0].label] if all(text in texts for texts in of_run.values())]
    own = [f"{label}: {text}" for label, texts in of_run.items() for text in texts if text not in shared]
    sample = (
        "One set of grains is one sample: repeat with other seeds before quoting a number, as a study does."
    )
    return list(dict.fromkeys([*shared, *own, sample]))


def _physics(provenances: Iterable[Mapping[str, Any]]) -> list[str]:
    """Caution on results that were computed by another version of the physics."""
    versions = {tree.get("physics_version") for tree in provenances} - {None, model.PHYSICS_VERSION}
    if not versions:
        return []
    listed, now = ", ".join(sorted(map(str, versions))), model.PHYSICS_VERSION
    return [
        f"Computed by physics version {listed}; this version of gbflux computes by {now}, and the "
        "same case gives other numbers: run it again before comparing."
    ]


def _plain_cautions(result: Mapping[str, Any]) -> list[str]:
    """Cautions from one result, except on estimated errors, which differ from case to case."""
    found = [str(text) for text in result.get("warnings") or ()]
    limited = value_at(result, "mesh.gb_area_limited_fraction") or 0.0
    if limited > 0:
        found.append(
            f"Thickness limited: on {written(limited * 100, 2)} % of the grain-boundary area the layer was "
            "made thinner to fit between the grains."
        )
    imbalance = value_at(result, "solver.current_imbalance") or 0.0
    if imbalance > _LARGEST_IMBALANCE:
        found.append(f"The current in and out differ by {written(imbalance, 2)} of it.")
    found += [
        f"Homogenizing layer, {side}, not resolved: {layer['reason']}"
        for side, layer in (result.get("homogenizing_layer") or {}).items()
        if layer.get("reason")
    ]
    return found + _error_cautions(result)


def relative_errors(result: Mapping[str, Any]) -> dict[str, float]:
    """Estimated errors over their measures, of those that are not zero.

    >>> relative_errors({"a": 2.0, "errors": {"a": {"estimated_error": 0.5}, "b": {"estimated_error": None}}})
    {'a': 0.25}
    """
    found = {}
    for key, record in error_records(result.get("errors")):
        value, error = value_at(result, key), record.get("estimated_error")
        if value and error is not None and not record.get("divergent"):
            found[key] = error / abs(value)
    return found


def _large_errors(result: Mapping[str, Any]) -> list[str]:
    """Measures whose estimated error is large: those a page shows by name, the others by number."""
    large = {key: share for key, share in relative_errors(result).items() if share > CONVERGED}
    shown = sorted((key for key in large if key in _NAMES), key=lambda key: large[key], reverse=True)[
        :_MOST_LISTED
    ]
    listed = [f"{_NAMES[key]} (± {_percent(large[key])})" for key in shown]
    rest = [share for key, share in large.items() if key not in shown]
    if rest:
        what = f"{len(rest)} more" if listed else f"{len(rest)} measures"
        listed.append(f"{what} under All numbers (up to ± {_percent(max(rest))})")
    return [f"{_TOO_COARSE}: {', '.join(listed)}. {_REMEDY}"] if listed else []


def _percent(share: float) -> str:
    """A share in per cent, to two digits.

    >>> _percent(0.1234), _percent(2.57)
    ('12 %', '260 %')
    """
    return f"{float(f'{100 * share:.2g}'):g} %"


def _error_cautions(result: Mapping[str, Any]) -> list[str]:
    """Measures that were seen to diverge, and an accuracy that was asked for and missed."""
    exponents = {
        _NAMES[key]: record["observed_exponent"]
        for key, record in error_records(result.get("errors"))
        if key in _NAMES and record.get("divergent") and isinstance(record.get("observed_exponent"), float)
    }
    listed = ", ".join(f"{name} (exponent {written(p, 2)})" for name, p in exponents.items())
    found = [f"Divergent, seen to grow as the mesh was refined: {listed}."] if listed else []
    return found + _missed(result.get("errors") or {})


def _missed(errors: Mapping[str, Any]) -> list[str]:
    """Accuracies that were asked for and not reached."""
    facts = errors.get("conductance") or {}  # results of earlier versions have this alone
    older = {"conductance": {**facts, "error": facts.get("relative_width")}} if facts else {}
    return [
        f"The accuracy asked for was not reached: {_ACCURACIES.get(name, name)} "
        f"{written(one.get('error'), 2)}, asked {written(one.get('asked'), 2)} "
        f"(stopped by {one.get('stopped_by')})."
        for name, one in errors.get("accuracy", older).items()
        if one.get("reached") is False
    ]


def study_cautions(study: Study) -> list[str]:
    """Warnings of a study: what is missing first, then what its cases say."""
    physics = _physics(study.provenances.values())
    found = [*physics, *_unfinished(study), *study.notes, *_few(study)]
    counts = Counter(
        text for result in study.results.values() for text in dict.fromkeys(_plain_cautions(result))
    )
    total = len(study.results)
    limited = [text for text in counts if text.startswith("Thickness limited")]
    for text in limited:  # one sentence for all of them, which differ in their percentage
        del counts[text]
    if limited:
        worst = max(value_at(r, "mesh.gb_area_limited_fraction") or 0.0 for r in study.results.values())
        found.append(
            f"Thickness limited: in some cases on up to {written(worst * 100, 2)} % of the grain-boundary "
            "area the layer was made thinner to fit between the grains."
        )
    found += [f"{text} ({count} of {total} cases)" for text, count in counts.most_common()]
    return found + _large_errors_of_cases(study)


def _large_errors_of_cases(study: Study) -> list[str]:
    """Measures a page shows whose estimated error is large in some cases, with the largest of them."""
    shares = [relative_errors(result) for result in study.results.values()]
    large = {
        m: found
        for m in METRICS
        if (found := [one[m.key] for one in shares if one.get(m.key, 0.0) > CONVERGED])
    }
    shown = sorted(large, key=lambda m: max(large[m]), reverse=True)
    listed = [
        f"{m.name} (up to ± {_percent(max(large[m]))}, {len(large[m])} of {len(shares)} cases)"
        for m in shown[:_MOST_LISTED]
    ]
    if len(shown) > _MOST_LISTED:
        listed.append(f"{len(shown) - _MOST_LISTED} more measures")
    return [f"{_TOO_COARSE}: {', '.join(listed)}. {_REMEDY}"] if listed else []


def _unfinished(study: Study) -> list[str]:
    """Cases that are not done."""
    counts, total = study.counts, len(study.rows)
    if counts["done"] == total:
        return []
    parts = [f"{n} {name}" for name, n in counts.items() if name != "done" and n]
    other = total - sum(counts.values())
    parts += [f"{other} of another status"] if other else []
    return [
        f"This study is not complete: {counts['done']} of {total} cases are done, {', '.join(parts)}. Means "
        "and intervals are over the cases that are done."
    ]


def _few(study: Study) -> list[str]:
    """Few realisations."""
    counts = [len(study.done(point)) for point in study.points]
    if not counts or min(counts) >= FEW:
        return []
    least, most = min(counts), max(counts)
    range_ = f"{least}" if least == most else f"{least} to {most}"
    return [
        f"Few realisations: {range_} a point. An interval takes at least 3 and is rough for so few, and "
        "extremes need more than means do."
    ]
