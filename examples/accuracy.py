"""
As accurate as you need
=======================

Instead of a mesh size, ask for an accuracy. Meshes are then refined where it matters for what was asked for:
the certified conductance, the distribution of the current on the electrodes, or certified local currents.
"""

import matplotlib.pyplot as plt

import gbflux

CASE = """
geometry: {size_um: [40, 40]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
mesh: {size_um: 2.0}                   # of the first mesh
"""

targets = {"conductance": 0.001, "hot_spots": 0.2, "hot_spot": 0.2}
results = {
    target: gbflux.run(gbflux.parse_case(CASE, overrides={f"accuracy.{target}": share}))
    for target, share in targets.items()
}

# %%
# Each result is that of its best mesh, and knows the ones before.

for target, result in results.items():
    facts = result.errors["accuracy"][target]
    print(f"{target}: {facts['error']:.2g} reached of {facts['asked']:g} asked for")
    for mesh in result.refinement:
        print(f"    {mesh.cells:7,} cells: {mesh.errors[target]:.2g}")
    assert facts["reached"]
    assert facts["error"] <= targets[target]

# %%
# The bracket is a proof, the errors of hot spots are estimates: here is how both fell.

for target, result in results.items():
    cells = [mesh.cells for mesh in result.refinement]
    plt.loglog(cells, [mesh.errors[target] for mesh in result.refinement], "o-", label=target)
plt.xlabel("cells")
plt.ylabel("relative error")
plt.legend()
plt.show()
