"""
A polycrystal, bare and behind a homogenizing layer
===================================================

Grain boundaries that conduct worse than grains make the current crowd at an ideal electrode. A thin layer
between electrolyte and metal lets it spread: the effect of Lu et al., Adv. Energy Mater. 11 (2021) 2003811.
"""

import matplotlib.pyplot as plt

import gbflux

CASE = """
geometry: {size_um: [20, 20, 20]}      # a box; the field points along the last axis
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
mesh: {size_um: 2.0}
"""
LAYER = {"homogenizing_layer.thickness_um": 10, "homogenizing_layer.conductivity_S_per_cm": 1.0e-4}

bare = gbflux.run(gbflux.parse_case(CASE))
covered = gbflux.run(gbflux.parse_case(CASE, overrides=LAYER))

# %%
# The conductivity of the electrolyte does not depend on the layer; the hot spots do. Every value has its
# estimated error beside it, in a tree of the same keys.

for name, result in (("bare", bare), ("with layer", covered)):
    value = result.transport.sigma_eff_S_per_cm
    error = result.errors["transport"]["sigma_eff_S_per_cm"]["estimated_error"]
    print(f"{name:10}  sigma_eff = ({1e4 * value:.3f} ± {1e4 * error:.3f}) × 10⁻⁴ S/cm")
    for side, spots in result.hot_spots.items():
        error = result.errors["hot_spots"][side]["p99_over_mean"]["estimated_error"]
        print(
            f"{'':10}  {side:6}  99 % of the area below {spots.p99_over_mean:.3f} ± {error:.3f} of the mean"
        )

ratio = covered.transport.sigma_eff_S_per_cm / bare.transport.sigma_eff_S_per_cm
assert abs(ratio - 1) < 0.02
assert min(spots.p99_over_mean for spots in bare.hot_spots.values()) > 2
assert max(spots.p99_over_mean for spots in covered.hot_spots.values()) < 1.1

# %%
# Inside the layer the unevenness decays with the distance from the grains.

for side, profile in covered.homogenizing_layer.items():
    plt.semilogy(profile.distance_um, profile.std_over_mean, label=side)
plt.xlabel("distance from the electrolyte (µm)")
plt.ylabel("standard deviation of J over its mean")
plt.legend()
plt.show()
