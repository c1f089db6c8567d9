"""A measurement as the key tree of ``result.json``: plain numbers in the user's units, null for none."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from gbflux.measure.measure import Measurement
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, OHM_M2_TO_OHM_CM2, S_PER_M_TO_S_PER_CM


def as_result(measurement: Measurement, dimension: int) -> dict[str, Any]:
    """Nested dictionary for ``result.json``.

    Parameters
    ----------
    measurement : Measurement
    dimension : int
        2 or 3; decides whether the current is ``current_A`` or ``current_A_per_m``.

    Returns
    -------
    dict
        Keys ``solver`` (``current_imbalance`` alone), ``transport``, ``hot_spots``, and
        ``hot_spots_electrolyte`` and ``homogenizing_layer`` with the sides that have a homogenizing layer
        (empty without), and ``errors`` parallel to these.
    """
    t = measurement.transport
    return _plain(
        {
            "solver": {"current_imbalance": t.current_imbalance},
            "transport": {
                "current_A" if dimension == 3 else "current_A_per_m": t.current,
                "mean_current_density_mA_per_cm2": t.mean_current_density * A_PER_M2_TO_MA_PER_CM2,
                "voltage_V": t.voltage,
                "sigma_eff_S_per_cm": t.sigma_eff * S_PER_M_TO_S_PER_CM,
                "asr_ohm_cm2": t.asr * OHM_M2_TO_OHM_CM2,
                "brick_layer_S_per_cm": t.brick_layer * S_PER_M_TO_S_PER_CM,
                "wiener_lower_S_per_cm": t.wiener_lower * S_PER_M_TO_S_PER_CM,
                "wiener_upper_S_per_cm": t.wiener_upper * S_PER_M_TO_S_PER_CM,
            },
            "hot_spots": {side: asdict(spots) for side, spots in measurement.hot_spots.items()},
            "hot_spots_electrolyte": {
                side: asdict(spots) for side, spots in measurement.hot_spots_electrolyte.items()
            },
            "homogenizing_layer": {
                side: asdict(profile) for side, profile in measurement.homogenizing_layer.items()
            },
            "errors": {
                **measurement.errors,
                "transport": {
                    "sigma_eff_S_per_cm": _scaled(
                        measurement.errors["transport"]["sigma_eff"], S_PER_M_TO_S_PER_CM
                    ),
                    "asr_ohm_cm2": _scaled(measurement.errors["transport"]["asr"], OHM_M2_TO_OHM_CM2),
                },
            },
        }
    )


def _scaled(error: dict[str, Any], unit: float) -> dict[str, Any]:
    """An estimated error in another unit."""
    return {**error, "estimated_error": error["estimated_error"] * unit}


def _plain(value: Any) -> Any:
    """Lists for tuples, floats for NumPy's numbers, None for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    return float(value) if math.isfinite(value) else None
