"""Values with their uncertainty: standard errors and their propagation, intervals of 95 %.

Propagation is of first order, with the library `uncertainties`: a law is a plain function of floats, whose
derivatives are taken numerically, so that a new law needs nothing for this. First order holds where the
relative uncertainties are well below one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from gbflux.errors import InputError, MissingLibrary

NORMAL_95 = 1.959963984540054  # normal standard deviations of a 95 % interval
_FORM = re.compile(
    r"\s*(?P<value>[^±+]*?[eE]?[+\-]?[^±+]*?)\s*(?:±|\+/-|\+-)\s*(?P<error>[^%]+?)\s*(?P<percent>%?)\s*"
)


@dataclass(frozen=True)
class Interval:
    """A value and the limits of its 95 % interval, in one unit."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """Multiply value and limits by a positive number."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    @property
    def spread(self) -> float:
        """Half the width of the interval on the scale of logarithms; infinite if it reaches 0 or ∞."""
        if not (self.low > 0 and math.isfinite(self.high)):
            return math.inf
        return math.log(self.high / self.low) / 2


@dataclass(frozen=True)
class Measured:
    """A number with its standard uncertainty, in any one unit.

    >>> print(Measured(67.7, 2.31)), print(Measured(5.0, 0.0))
    67.7 ± 2.3
    5
    (None, None)
    """

    value: float
    error: float = 0.0

    def __mul__(self, factor: float) -> Measured:
        """Value and error in another unit."""
        return Measured(self.value * factor, abs(self.error * factor))

    def __str__(self) -> str:
        """Value with the digits that its error leaves."""
        if not self.error > 0:
            return f"{self.value:.4g}"
        if not math.isfinite(self.error) or not math.isfinite(self.value):
            return f"{self.value:.4g} ± {self.error:.2g}"
        digits = max(1, 2 + math.floor(math.log10(abs(self.value) / self.error))) if self.value else 2
        return f"{self.value:.{min(max(digits, 2), 8)}g} ± {self.error:.2g}"


def parse_measured(text: str, name: str = "value") -> Measured:
    """A number with or without uncertainty: ``400``, ``400±20``, ``400+-20``, ``400+/-5%``.

    Parameters
    ----------
    text : str
    name : str, optional
        What it is, for the error.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> parse_measured("400+-5%"), parse_measured("1.1e5")
    (Measured(value=400.0, error=20.0), Measured(value=110000.0, error=0.0))
    """
    match = _FORM.fullmatch(text)
    try:
        value = float(match["value"] if match else text)
        error = float(match["error"]) if match else 0.0
    except ValueError:
        value = error = math.nan
    if not (math.isfinite(value) and math.isfinite(error) and error >= 0):
        raise InputError(
            f"{name} must be a number, or number±uncertainty such as 400±20 or 400±5%; got '{text}'."
        )
    return Measured(value, abs(value) * error / 100 if match and match["percent"] else error)


def propagate(law: Callable[..., float], **values: float | Measured) -> Measured:
    """Value of a law with the uncertainty that its arguments leave in it.

    Parameters
    ----------
    law : callable
        Plain function of floats, such as `gbflux.lab.contact.mechanics.contact_area`.
    **values : float or Measured
        Its arguments in SI; those of `Measured` are independent of each other.

    Returns
    -------
    Measured
        In SI.

    Raises
    ------
    MissingLibrary
        If `uncertainties` is not installed and an argument has an uncertainty.

    Examples
    --------
    >>> from gbflux.lab.contact.mechanics import contact_area
    >>> area = propagate(contact_area, force=Measured(400e-9, 20e-9), radius=20e-9, modulus=60e9)
    >>> print(area * 1e18)
    67.7 ± 2.3
    """
    plain = {name: v.value if isinstance(v, Measured) else float(v) for name, v in values.items()}
    value = law(**plain)
    spread = {name: v for name, v in values.items() if isinstance(v, Measured) and v.error > 0}
    if not spread:
        return Measured(value)
    try:
        import uncertainties
    except ImportError:
        raise MissingLibrary(
            "uncertainties: must be installed to propagate uncertainties. Install gbflux[analysis]."
        ) from None
    names = list(spread)

    def of_the_uncertain(*arguments: float) -> float:
        return law(**{**plain, **dict(zip(names, arguments, strict=True))})

    result = uncertainties.wrap(of_the_uncertain)(
        *(uncertainties.ufloat(v.value, v.error) for v in spread.values())
    )
    return Measured(result.nominal_value, result.std_dev)


def wilson_interval(events: int, trials: int) -> Interval:
    """Share of events with its 95 % interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927)).

    >>> found = wilson_interval(0, 200); (found.value, round(found.high, 4))
    (0.0, 0.0188)
    """
    if trials == 0:
        return Interval(math.nan, math.nan, math.nan)
    share, z2 = events / trials, NORMAL_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = NORMAL_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    low = max(middle - reach, 0.0) if events else 0.0
    return Interval(share, low, min(middle + reach, 1.0) if events < trials else 1.0)
