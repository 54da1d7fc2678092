# NaFV-Net with low-rank changes of DINOv2's attention (LoRA) instead of all its weights.
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
            # new weights learn as fast as the others
            optim_wrapper=dict(paramwise_cfg=dict(_delete_=True)),
        )
    )
)
