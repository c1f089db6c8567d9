"""
How thick must a homogenizing layer be?
=======================================

The unevenness decays within the layer over a few micrometres, some tenths of a grain. So the peak at an ideal
electrode falls until the layer is as thick as a grain is wide; what is thicker only adds resistance.
"""

import matplotlib.pyplot as plt
import numpy as np

import gbflux

CASE = """
geometry: {size_um: [60, 40]}          # 2D: x, z
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
homogenizing_layer: {thickness_um: 1, conductivity_S_per_cm: 1.0e-4}
"""
THICKNESSES_UM = [0.1, 0.3, 1, 3, 9]

results = []
for thickness in THICKNESSES_UM:
    case = gbflux.parse_case(CASE, overrides={"homogenizing_layer.thickness_um": thickness})
    results.append(gbflux.run(case))

peak = np.array([result.hot_spots["top"].max_over_mean for result in results])
resistance = np.array([result.transport.asr_ohm_cm2 for result in results])
for row in zip(THICKNESSES_UM, peak, resistance, strict=True):
    print("{:4g} µm: peak {:.3f} of the mean, {:.1f} Ω cm²".format(*row))

# %%
# The peak falls all the way. Two layers of thickness t add about 2 t/σ to the resistance.

assert (np.diff(peak) < 0).all()
assert peak[0] > 1.5
assert peak[-1] < 1.1
added = 2 * (THICKNESSES_UM[-1] - THICKNESSES_UM[-2]) * 1e-4 / 1.0e-4
assert abs((resistance[-1] - resistance[-2]) / added - 1) < 0.05

left, right = plt.gca(), plt.gca().twinx()
left.loglog(THICKNESSES_UM, peak - 1, "o-")
right.semilogx(THICKNESSES_UM, resistance, "s--", color="tab:orange")
left.set(xlabel="thickness of the layer (µm)", ylabel="peak over mean, less 1")
right.set_ylabel("resistance of the cell (Ω cm²)")
plt.show()
