# The relation network on bilateral pairs: the second half of table 2.
_base_ = './ipsidualnet-v2_ddsm.py'

model = dict(auxiliary='bilateral')

dataset = dict(partners=('bilateral',))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
del dataset
