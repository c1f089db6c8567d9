"""
Numbers that are proved
=======================

Two finite-element solutions bound the conductance from both sides, and bound the current through any part of
an electrode. A stack of bricks has exact values to compare with: layers in series.
"""

import matplotlib.pyplot as plt

import gbflux

CASE = """
geometry: {size_um: [10, 10, 30]}
grains: {arrangement: brick, boundary: mirror, mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
mesh: {size_um: 2.5}
output: {bracket: true}
"""

# %%
# Three bricks and two boundaries in series: flat layers are exact on any mesh, and so both bounds meet.

flat = gbflux.run(gbflux.parse_case(CASE))
exact = 30e-4 / ((30e-4 - 2 * 5e-7) / 5.0e-4 + 2 * 5e-7 / 2.5e-7)
bounds = flat.transport.bracket.sigma_eff_S_per_cm
print(f"sigma_eff between {bounds.lower:.9e} and {bounds.upper:.9e} S/cm, exactly {exact:.9e}")
assert bounds.lower <= exact * (1 + 1e-9)
assert exact <= bounds.upper * (1 + 1e-9)
assert bounds.upper / bounds.lower - 1 < 1e-6

# %%
# In a polycrystal they leave a gap, which is what the mesh does not know. It holds for local currents, too:
# the two strongest grains on each electrode, and the hottest place 5 µm wide.

changes = {"geometry.size_um": [40, 40], "grains.arrangement": "voronoi", "grains.boundary": "cut"}
changes |= {"mesh.size_um": 0.5, "output.certify": {"grains": 2, "windows_um": [5]}}
poly = gbflux.run(gbflux.parse_case(CASE, overrides=changes))
print(f"conductance known to {100 * poly.transport.bracket.relative_width:.2g} %")
for place, one in enumerate(poly.certificates):
    part = f"grain {one.grain}" if one.kind == "grain" else f"{one.diameter_um:g} µm window"
    print(
        f"{one.electrode} {part}: {one.lower:.2f} to {one.upper:.2f} times the mean, computed {one.value:.2f}"
    )
    assert one.lower < one.value < one.upper
    plt.errorbar(place, one.value, [[one.value - one.lower], [one.upper - one.value]], fmt="o", color="k")
assert poly.transport.bracket.relative_width < 0.01
plt.xticks(range(len(poly.certificates)), [f"{one.electrode}\n{one.kind}" for one in poly.certificates])
plt.ylabel("current density over its mean")
plt.show()
