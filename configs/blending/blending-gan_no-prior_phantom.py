# "Adversarial network without prior information of mass" (figure 4): noise in the
# lesion's place, and no seamless blending loss.
_base_ = './blending-gan_phantom.py'
model = dict(seamless=False)

pipeline = _base_.train_pipeline
pipeline[1].update(noise=True)
train_dataloader = dict(dataset=dict(pipeline=pipeline))
del pipeline
