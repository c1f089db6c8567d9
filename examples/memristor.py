"""
Switching of a memristor, cycle by cycle
========================================

A filament of lithium that forms and dissolves makes a memristor. Two hundred cycles of known truth are made
up, written to a file, and measured: set bias, both resistances, and the spread of the set bias.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gbflux.lab.demo.iv import DEVICES, device_cycles
from gbflux.lab.memristor.switching import analyse_memristor
from gbflux.lab.readers import read_table

device = DEVICES["tip"]
number, bias, current, truth = device_cycles(device, np.random.default_rng(4))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "tip.csv"
    rows = np.column_stack([number, bias, current])
    np.savetxt(path, rows, "%.7g", delimiter=",", header="cycle,V (V),I (A)", comments="")
    result = analyse_memristor(read_table(path))

# %%
# A change shows at the next sample, so biases are right to a step.

cycles = result.cycles
measured = np.array([np.nan if cycle.set_bias is None else cycle.set_bias for cycle in cycles])
exact = np.array([cycle.set_bias for cycle in truth])
step = cycles[0].step
low, high = (np.median([getattr(one, name).value for one in cycles]) for name in ("lrs", "hrs"))
print(f"{len(cycles)} cycles, {low:.4g} and {high:.3g} Ω (truth {device.lrs:g} and {device.hrs:.3g})")
print(f"set bias {np.nanmedian(measured):.3f} V in the median (truth {np.median(exact):.3f})")

assert len(cycles) == device.cycles
assert np.nanmax(np.abs(measured - exact)) < 2 * step
assert abs(low / device.lrs - 1) < 0.05
assert abs(high / device.hrs - 1) < 0.1

plt.hist(-measured, bins=20, label="measured")
plt.hist(-exact, bins=20, histtype="step", color="k", label="truth")
plt.xlabel("set bias (V, size)")
plt.ylabel("cycles")
plt.legend()
plt.show()
