"""
Triggering bias of an I–V curve
===============================

A conductive tip on a solid electrolyte draws a filament of lithium when the bias is negative enough. Here a
curve with known truth is written as an instrument would, and read back.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gbflux.lab.demo.iv import GRAIN_BOUNDARY, simulate
from gbflux.lab.iv.analyse import analyse_iv
from gbflux.lab.readers import read_table

voltage, current = simulate(GRAIN_BOUNDARY, np.random.default_rng(1))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "on_a_grain_boundary.csv"
    rows = np.column_stack([voltage, current])
    np.savetxt(path, rows, "%.6g", delimiter=",", header="Voltage (V),Current (A)", comments="")
    result = analyse_iv(read_table(path), thickness=300e-6)

# %%
# The bias is an interval between two samples: the last without and the first with the filament.

(curve,) = result.curves
low, high = sorted(curve.trigger.interval)
print(f"triggered between {low:.4f} and {high:.4f} V (truth {GRAIN_BOUNDARY.bias} V)")
print(f"filament {curve.ohmic.resistance:.1f} Ω (truth {GRAIN_BOUNDARY.resistance:g} Ω)")
print(f"as wide as a cylinder of lithium of {1e9 * curve.diameter:.0f} nm, 300 µm long")

assert low - 0.003 <= GRAIN_BOUNDARY.bias <= high + 0.003
assert high - low < 0.01
assert abs(curve.ohmic.resistance / GRAIN_BOUNDARY.resistance - 1) < 0.02

plt.semilogy(voltage, np.abs(current) + 1e-13, ".", markersize=3)
plt.axvspan(low, high, color="tab:red", alpha=0.5)
plt.xlabel("bias (V)")
plt.ylabel("current (A)")
plt.show()
