# Algorithm 1 as printed: weights of 0.9 - dist, in pixels, are 0 outside of boxes.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(distance_unit=1.0)
