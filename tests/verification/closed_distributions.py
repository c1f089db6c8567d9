"""What is known in closed form of fields 1 + a m on a plane, m a mode of mean 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ellipkm1, j1

from gbflux.measure.hot_spots import WINDOWS_UM, HotSpots

SHARES = {"p95_over_mean": 0.95, "p99_over_mean": 0.99, "p999_over_mean": 0.999}


@dataclass(frozen=True)
class Mode:
    """cos kx, or in 3D cos kx cos ky, over whole half waves: k (1/µm), its dimension the mesh's less 1."""

    k: float
    sides: int

    def below(self, m: float) -> float:
        """Share of the area with a mode of at most m.

        On a line arccos is evenly distributed; the density of a product of two of them is
        (2/π²) K(√(1 − m²)).

        >>> round(Mode(1.0, 1).below(0.5), 9), round(Mode(1.0, 2).below(1.0), 9)
        (0.666666667, 1.0)
        """
        if self.sides == 1:
            return 1.0 - float(np.arccos(m)) / np.pi
        # w = u³, for K has a logarithm at w = 0, where quad does not look
        end = max(abs(m), 1e-15) ** (1 / 3)
        part = quad(lambda u: 3.0 * u * u * ellipkm1(u**6), 0.0, end, epsabs=1e-11)[0]
        return 0.5 + float(np.sign(m)) * 2.0 / np.pi**2 * part

    def quantile(self, share: float) -> float:
        """Value that the mode does not exceed on a share of the area.

        >>> round(Mode(1.0, 1).quantile(0.75), 9)
        0.707106781
        """
        return float(brentq(lambda m: self.below(m) - share, -1.0, 1.0, xtol=1e-13))

    def mean_difference(self) -> float:
        """Half the mean absolute difference of two places, ∫ F (1 − F) dm: Gini's coefficient over a.

        >>> round(Mode(1.0, 1).mean_difference() * np.pi**2, 6)
        4.0
        """
        return 2.0 * quad(lambda m: self.below(m) * (1.0 - self.below(m)), 0.0, 1.0, epsabs=1e-10)[0]

    def window(self, diameter_um: float) -> float:
        """Mean over a window around a crest, also where a crest on the rim leaves half or a quarter of it."""
        if self.sides == 1:
            return float(np.sinc(self.k * diameter_um / 2 / np.pi))
        reach = np.sqrt(2.0) * self.k * diameter_um / 2
        return float(2.0 * j1(reach) / reach)

    def hot_spots(self, a: float) -> dict[str, float]:
        """Measures of 1 + a m by their names."""
        found = {name: 1.0 + a * self.quantile(share) for name, share in SHARES.items()}
        found["rms_over_mean"] = float(np.sqrt(1.0 + a * a / 2**self.sides))
        found["gini"] = a * self.mean_difference()
        found["max_over_mean"] = 1.0 + a
        for name, size in WINDOWS_UM.items():
            found[name] = 1.0 + a * self.window(size)
        return found

    def at(self, lateral: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return m at points (µm), (n,)."""
        return np.prod(np.cos(self.k * lateral), axis=1)


def named(spots: HotSpots) -> dict[str, float | None]:
    """Measures by the names above; windows too."""
    names = (*SHARES, "rms_over_mean", "gini", "max_over_mean", "mean_over_mean")
    return {name: getattr(spots, name) for name in names} | dict(spots.window_max_over_mean)
