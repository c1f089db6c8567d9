"""
Critical current density of a stepped test
==========================================

The current is raised step by step until lithium shorts the cell and the voltage falls. A test of known truth
is made up, written as a logger would, and read back.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gbflux.lab.ccd import critical_current, read_current_test
from gbflux.lab.demo.cells import current_test

ASR, SHORT, STEP = 150.0, 1.2, 0.1  # Ω cm², mA/cm², mA/cm²
time, current, voltage = current_test(ASR, SHORT, STEP, "hard", np.random.default_rng(3))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "stepped.csv"
    rows = np.column_stack([time, current, voltage])
    np.savetxt(path, rows, "%.6g", delimiter=",", header="time/s,j (mA/cm2),Ecell/V", comments="")
    result = critical_current(read_current_test(path))

# %%
# The last step that held to its end and the one that did not enclose the critical current density.

held, ccd, asr = 0.1 * result.held, 0.1 * result.ccd, 1e4 * result.asr_before
print(f"held {held:.2f} mA/cm², shorted at {ccd:.2f} mA/cm² (truth {SHORT}); sign: {result.sign}")
print(f"{asr:.0f} Ω cm² before the short (truth {ASR:g}), {1e4 * result.asr_after:.1f} after")

assert result.shorted
assert abs(ccd - SHORT) < 1e-6
assert abs(ccd - held - STEP) < 1e-6
assert abs(asr / ASR - 1) < 0.1
assert result.asr_after < 0.1 * result.asr_before

plt.plot(time / 3600, voltage)
plt.axvline(result.short_time / 3600, color="tab:red", linestyle="--", label="short")
plt.xlabel("time (h)")
plt.ylabel("voltage (V)")
plt.legend()
plt.show()
