"""What a reader of a page should know before quoting a number from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gbflux.case import hashing
from gbflux.report.page.run_folder import Run, value_at
from gbflux.report.page.study_folder import Study
from gbflux.report.page.wording import METRICS, written

FEW = 5  # realisations below which an interval says little
_LARGEST_IMBALANCE = 1e-6
_WHAT = {
    "conductance": "relative width of the certified bracket",
    "hot_spots": "largest relative error of the hot-spot measures",
    "hot_spot": "relative half width of the certified current",
}


def run_cautions(runs: Sequence[Run]) -> list[str]:
    """Warnings of one run, or of two compared ones with their names before them."""
    said = {
        run.label: [*_physics([run.provenance]), *result_cautions(run.result), *run.notes] for run in runs
    }
    shared = [text for text in said[runs[0].label] if all(text in texts for texts in said.values())]
    found = shared + [
        f"{label}: {text}" for label, texts in said.items() for text in texts if text not in shared
    ]
    found.append(
        "One set of grains is one sample: repeat with other seeds before quoting a number, as a study does."
    )
    return list(dict.fromkeys(found))


def _physics(provenances: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was computed by another version of the physics."""
    versions = {tree.get("physics_version") for tree in provenances} - {None, hashing.PHYSICS_VERSION}
    if not versions:
        return []
    listed, now = ", ".join(sorted(map(str, versions))), hashing.PHYSICS_VERSION
    return [
        f"Computed by physics version {listed}; this version of gbflux computes by {now}, and the "
        "same case gives other numbers: run it again before comparing."
    ]


def result_cautions(result: Mapping[str, Any]) -> list[str]:
    """What one result says against itself."""
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
    return found + _error_cautions(result)


def estimated_errors(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Metric and error estimate of a result that has the block ``errors``."""
    return list(_leaves(result.get("errors") or {}, ""))


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records with an ``estimated_error`` or a verdict, by dotted path."""
    if not isinstance(tree, Mapping):
        return
    if {"estimated_error", "converged", "divergent"} & set(tree):
        yield path, tree
        return
    for key, value in tree.items():
        yield from _leaves(value, f"{path}.{key}".lstrip("."))


def _error_cautions(result: Mapping[str, Any]) -> list[str]:
    """What the block ``errors`` says of the measures a page shows, and how many more it says it of."""
    names = {m.key: m.name for m in METRICS}
    errors = estimated_errors(result)
    divergent = [(key, error) for key, error in errors if error.get("divergent")]
    moving = [
        key
        for key, error in errors
        if error.get("converged") is False and error.get("estimated_error") is not None
    ]
    found = [
        f"Divergent: {names[key]} grows without limit as the mesh is refined{_growth(error)}."
        for key, error in divergent
        if key in names
    ]
    shown = [names[key] for key in moving if key in names]
    if moving:
        more = len(moving) - len(shown)
        listed = ", ".join([*shown, *([f"{more} more"] if more else [])])
        found.append(f"Not converged, still moving as the mesh is refined: {listed}.")
    return found + _missed(result.get("errors") or {})


def _missed(errors: Mapping[str, Any]) -> list[str]:
    """Accuracies that were asked for and not reached."""
    facts = errors.get("conductance") or {}
    older = {"conductance": {**facts, "error": facts.get("relative_width")}} if facts else {}
    return [
        f"The accuracy asked for was not reached: {_WHAT.get(name, name)} {written(one.get('error'), 2)}, "
        f"asked {written(one.get('asked'), 2)} (stopped by {one.get('stopped_by')})."
        for name, one in errors.get("accuracy", older).items()
        if one.get("reached") is False
    ]


def _growth(error: Mapping[str, Any]) -> str:
    """The observed exponent, where there is one."""
    exponent = error.get("observed_exponent")
    return f" (observed exponent {written(exponent, 2)})" if isinstance(exponent, float) else ""


def study_cautions(study: Study) -> list[str]:
    """Warnings of a study: what is missing first, then what its cases say."""
    physics = _physics(study.provenances.values())
    found = [*physics, *_unfinished(study), *study.notes, *_few(study)]
    said = Counter(
        text for result in study.results.values() for text in dict.fromkeys(result_cautions(result))
    )
    total = len(study.results)
    limited = [text for text in said if text.startswith("Thickness limited")]
    for text in limited:
        del said[text]
    if limited:
        worst = max(value_at(r, "mesh.gb_area_limited_fraction") or 0.0 for r in study.results.values())
        found.append(
            f"Thickness limited: in some cases on up to {written(worst * 100, 2)} % of the grain-boundary "
            "area the layer was made thinner to fit between the grains."
        )
    return found + [f"{text} ({count} of {total} cases)" for text, count in said.most_common()]


def _unfinished(study: Study) -> list[str]:
    """Cases that are not done."""
    counts, found = study.counts, []
    total, done = len(study.rows), study.counts["done"]
    if done < total:
        parts = [f"{n} {name}" for name, n in counts.items() if name != "done" and n]
        other = total - sum(counts.values())
        parts += [f"{other} of another status"] if other else []
        found.append(
            f"This study is not complete: {done} of {total} cases are done, {', '.join(parts)}. Means and "
            "intervals are over the cases that are done."
        )
    return found


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
