# Without the adversarial term, of which the paper says that images then "may lack the
# texture details and appear fake".
_base_ = './blending-gan_inbreast.py'
model = dict(discriminator=None)
optim_wrapper = dict(discriminator=None)
