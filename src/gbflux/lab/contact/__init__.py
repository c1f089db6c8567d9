"""Contacts: how large they are, what resistance they have, how wide a filament of some resistance is.

Plain functions in SI, each with its source; each begins with `require_positive` for its numbers.
"""

from __future__ import annotations

import math

from gbflux.errors import InputError


def require_positive(law: str, **values: float) -> None:
    """Raise unless every value is a number above zero.

    Parameters
    ----------
    law : str
        Who asks.
    **values : float

    Raises
    ------
    InputError
        Naming the law and the value.
    """
    for name, value in values.items():
        if math.isnan(value) or not value > 0:
            raise InputError(f"{law}: {name} must be > 0; got {value:g}. Give it in SI units.")
