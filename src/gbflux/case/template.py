"""The commented case that `gbflux init` writes."""

from __future__ import annotations

_TEXT = """\
# A case of gbflux. Keys carry their unit. `gbflux check FILE` checks it, `gbflux run FILE` computes it.
name: {name}

geometry:
  dimension: 3                    # 2 or 3
  size_um: [50, 50, 50]           # the electrolyte alone; z, along the field, is last; 2D: [x, z]

grains:
  arrangement: voronoi            # voronoi | brick | columnar; or seeds_file: points.csv instead
  mean_size_um: 10                # (volume / count)^(1/dimension); or count: 125 instead
  seed: 1                         # another seed, other grains
  relaxation_steps: 3             # 0: very uneven grains (Poisson-Voronoi); more steps: more even ones
  boundary: cut                   # cut: a polished pellet; mirror: grains end at the faces of the box
  conductivity_S_per_cm: 5.0e-4
  # activation_energy_eV: 0.35    # Arrhenius law, beside any conductivity
  # reference_temperature_C: 25   # where the conductivity is given

grain_boundary:
  thickness_nm: 5
  conductivity_S_per_cm: 2.5e-7
  # variation: {{distribution: lognormal, sigma: 0.5, seed: 2}}   # one value per boundary; also under grains

homogenizing_layer:               # leave the block out, or thickness 0, for none
  thickness_um: 10
  conductivity_S_per_cm: 1.0e-4
  sides: both                     # both | bottom | top
  contact_asr_ohm_cm2: 0          # resistance between layer and electrolyte

electrodes:
  bottom_V: 0.0
  top_V: 0.1
  # current_density_mA_per_cm2: 0.2   # a mean current density from top to bottom, instead of top_V
  asr_ohm_cm2: 0                  # charge transfer; one number, or {{bottom: 0, top: 5}}
  # kinetics: {{exchange_current_density_mA_per_cm2: 1.0}}   # Butler-Volmer; also {{bottom: ..., top: ...}}

temperature_C: 25

mesh:
  size_um: 1.0                    # length of a cell's edge; left out: a tenth of the grain size
  electrode_size_um: 0.5          # the same where grains end; left out: half of size_um
  boundary_end_um: 0.05           # across the lines where boundaries end there; left out: grain size/200
  reproducible: false             # true: serial mesher that repeats exactly, several times slower

solver:
  rtol: 1.0e-10                   # relative residual to reach
  max_iterations: 500
  preconditioner: hypre           # hypre | gamg | lu
  order: 1                        # order of the elements, 1 or 2

# accuracy:                       # refine until
#   conductance: 0.1%             #   the conductance is certified so closely
#   hot_spots: 5%                 #   the hot-spot measures are known so well
#   hot_spot: 10%                 #   the currents of output.certify are certified so closely

output:
  fields: true                    # for ParaView
  figures: true
  bracket: false                  # true: certify the conductance from both sides
  # certify: {{grains: 5, windows_um: [1, 3]}}   # the currents of grains and windows, too
"""


def template(name: str) -> str:
    """A commented case of that name, valid as it stands.

    Parameters
    ----------
    name : str
        Name of the case, fit for a file name.
    """
    return _TEXT.format(name=f'"{name}"')
