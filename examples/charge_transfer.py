"""
Charge transfer evens the current out
=====================================

Butler–Volmer kinetics put a resistance R_ct = RT/(2 α F i₀) in the current's way. Where that is more than the
electrolyte's own over the size of a grain, d/σ (a Wagner number R_ct σ/d above 1), hot spots fade.
"""

import matplotlib.pyplot as plt
import numpy as np

import gbflux

CASE = """
geometry: {size_um: [60, 40]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
electrodes: {top_V: 0.01}
"""
EXCHANGE_MA_PER_CM2 = [0.1, 1, 10, 100]

p99 = []
for exchange in EXCHANGE_MA_PER_CM2:
    law = {"electrodes.kinetics": {"exchange_current_density_mA_per_cm2": exchange}}
    result = gbflux.run(gbflux.parse_case(CASE, overrides=law))
    p99.append(result.hot_spots["top"].p99_over_mean)
ideal = gbflux.run(gbflux.parse_case(CASE)).hot_spots["top"].p99_over_mean

# %%
# R_ct of the slowest electrode is 257 Ω cm² and d/σ is 2 Ω cm².

thermal_voltage = 8.314462618 * 298.15 / 96485.33212
charge_transfer = thermal_voltage / (1e-3 * np.array(EXCHANGE_MA_PER_CM2))
wagner = charge_transfer / (10e-4 / 5.0e-4)
for number, value in zip(wagner, p99, strict=True):
    print(f"Wagner number {number:7.2f}: 99 % of the area below {value:.3f} of the mean")
print(f"ideal electrode:       99 % of the area below {ideal:.3f} of the mean")

assert abs(charge_transfer[0] / 256.9 - 1) < 1e-3
assert (np.diff(p99) > 0).all()
assert p99[0] < 1.03
assert p99[-1] < ideal

plt.semilogx(wagner, p99, "o-")
plt.axhline(ideal, linestyle="--", label="ideal electrode")
plt.xlabel("Wagner number R_ct σ/d")
plt.ylabel("99th percentile of J over its mean")
plt.legend()
plt.show()
