# The blending model without the adversarial term: images "may lack the texture details
# and appear fake", as the paper states.
_base_ = './blending-gan_inbreast.py'
model = dict(discriminator=None)
optim_wrapper = dict(discriminator=None)
