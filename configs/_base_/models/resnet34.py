# ResNet-34 to replace ResNet-18:
#     model = dict(backbone=_base_.resnet34)
# The source of its weights: docs/how_to/pretrained_weights.md.
resnet34 = dict(
    depth=34,
    init_cfg=dict(checkpoint='checkpoints/resnet34_8xb32_in1k_20210831-f257d4e6.pth'),
)
