# NaFV-Net that trains low-rank updates of DINOv2's attention (LoRA), not all its weights.
_base_ = './nafv-net_cdd-cesm.py'
model = dict(
    embedding=dict(
        _delete_=True,
        type='CompleteLoRAModel',
        module=_base_.model.embedding,
        rank=16,
        alpha=16,
        targets=[dict(type='qkv')],
    )
)
train_cfg = dict(
    stages=dict(
        classification=dict(
            trainable=['embedding', 'mixer', 'head'],
            # new weights have the same learning rate as the others
            optim_wrapper=dict(paramwise_cfg=dict(_delete_=True)),
        )
    )
)
