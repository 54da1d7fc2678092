# Mask R-CNN in three steps (Lin et al., section 3): the top layers, ResNet from stage 4
# (conv4_x) up, all layers; 30, 30 and 40 epochs. The paper states no optimizer.
top = ['neck', 'rpn_head', 'roi_head']
train_cfg = dict(
    type='StagedTrainLoop',
    order=['top', 'stage4', 'all'],
    stages=dict(
        top=dict(max_epochs=30, trainable=top),
        stage4=dict(
            max_epochs=30, trainable=[*top, 'backbone.layer3', 'backbone.layer4']
        ),
        all=dict(max_epochs=40, optim_wrapper=dict(optimizer=dict(lr=0.0005))),
    ),
)
del top
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# learning rate for fine-tuning, with batches of two images
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.0025, momentum=0.9, weight_decay=0.0001),
    clip_grad=dict(max_norm=5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100)
]
auto_scale_lr = dict(enable=False, base_batch_size=2)
