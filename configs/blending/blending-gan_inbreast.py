# Blending adversarial networks, INbreast.
_base_ = [
    '../_base_/models/blending_gan.py',
    '../_base_/datasets/inbreast_blending.py',
    '../_base_/schedules/blending_200e.py', '../_base_/default_runtime.py'
]

default_hooks = dict(
    checkpoint=dict(interval=10),
    random_state=dict(type='RandomStateHook'),
    plain_keys=dict(type='PlainKeysHook'))
