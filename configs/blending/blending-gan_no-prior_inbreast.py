# "Adversarial network without prior information of mass" (figure 4): noise in place of
# the lesion, and no seamless blending loss.
_base_ = './blending-gan_inbreast.py'
model = dict(seamless=False)
train_dataloader = dict(dataset=dict(pipeline=dict(paste=dict(noise=True))))
