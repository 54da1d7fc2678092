# NaFV-Net, "Experimental Environment Setting": 200 epochs of segmentation with a
# learning rate of 0.01, weight decay 0.0001 and momentum 0.9. The weights with the
# highest Dice (the paper: Dice and mIoU) after epoch 100 are used. Then 300 epochs of
# classification with 0.001 and 0.01, at most 30 without a higher AUC. "An optimizer" is
# SGD if a momentum is stated, and AdamW otherwise. DINOv2 learns at a tenth of the
# rate, which is our choice.
train_cfg = dict(
    type='StagedTrainLoop',
    order=['segmentation', 'classification'],
    stages=dict(
        segmentation=dict(
            max_epochs=200,
            trainable=['segmentor'],
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.01, weight_decay=0.0001, momentum=0.9)
            ),
            val_begin=100,
            val_interval=1,
            save_best='segmentation/dice',
        ),
        classification=dict(
            max_epochs=300,
            trainable=['embedding', 'mixer', 'head'],
            optim_wrapper=dict(
                optimizer=dict(type='AdamW', lr=0.001, weight_decay=0.01),
                paramwise_cfg=dict(custom_keys=dict(embedding=dict(lr_mult=0.1))),
            ),
            val_interval=1,
            save_best='malignancy/auc',
        ),
    ),
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# defaults for the stages, which set their own
optim_wrapper = dict(type='OptimWrapper')
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=4)
custom_hooks = [
    # there is no AUC in the segmentation stage
    dict(
        type='EarlyStoppingHook',
        monitor='malignancy/auc',
        rule='greater',
        min_delta=1e-6,  # an equal value is no improvement
        patience=30,
        strict=False,
    )
]
