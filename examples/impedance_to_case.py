"""
From an impedance spectrum to a case
====================================

Two arcs of a pellet, grains and grain boundaries, give σ_g and, with the brick-layer model, σ_gb: the numbers
that a case needs. A spectrum of known truth is fitted; what comes of it is a case, ready to run.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import gbflux
from gbflux.lab.impedance.analyse import Bricks, Cell, analyse_spectrum
from gbflux.lab.impedance.brick_layer import case_text
from gbflux.lab.impedance.spectrum import read_spectrum

AREA, THICKNESS, GRAIN, DELTA = 1e-4, 1e-3, 10e-6, 5e-9  # m², m
SIGMA_G, SIGMA_GB = 5.0e-2, 2.5e-5  # S/m

# %%
# The truth: each arc is a resistance beside a capacitance.

grains = THICKNESS / (SIGMA_G * AREA)
boundaries = THICKNESS / GRAIN * DELTA / (SIGMA_GB * AREA)
frequency = np.logspace(8, 1, 71)
omega = 2j * np.pi * frequency
z = sum(r / (1 + omega * r * c) for r, c in ((grains, 4e-12), (boundaries, 1e-8)))
noise = np.random.default_rng(2).normal(scale=1e-3, size=(2, len(z)))
z = z * (1 + noise[0] + 1j * noise[1])

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "pellet.csv"
    rows = np.column_stack([frequency, z.real, z.imag])
    np.savetxt(path, rows, "%.8g", delimiter=",", header="freq/Hz,Re(Z)/Ohm,Im(Z)/Ohm", comments="")
    spectrum = read_spectrum(path)
found = analyse_spectrum(
    spectrum, "p(R1,C1)-p(R2,C2)", cell=Cell(AREA, THICKNESS), bricks=Bricks(DELTA, GRAIN)
)

# %%
# The case is text, ready to be saved, changed and run.

text = case_text(found.brick_layer, "pellet.csv")
case = gbflux.parse_case(text)
print(text)
assert abs(case.grains.conductivity_S_per_cm / (SIGMA_G / 100) - 1) < 0.02
assert abs(case.grain_boundary.conductivity_S_per_cm / (SIGMA_GB / 100) - 1) < 0.02

plt.plot(z.real, -z.imag, ".")
plt.axis("equal")
plt.xlabel("Z′ (Ω)")
plt.ylabel("−Z″ (Ω)")
plt.show()
