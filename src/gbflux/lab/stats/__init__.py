"""Statistics that several kinds of measurement share.

`lines` through many curves and the noise about them, `uncertainty` (errors, intervals, propagation),
`covering` of grain boundaries by electrodes.
"""
