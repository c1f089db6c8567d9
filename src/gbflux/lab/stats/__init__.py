"""Statistics that several kinds of measurement share.

`noise` of a current, `weighted_line`, `survival` (Kaplan–Meier), `weibull`, `uncertainty` (errors,
intervals, propagation), `covering` of grain boundaries by electrodes; `ragged` holds many arrays of unequal
lengths.
"""
