# The malignancy classifier of MommiNet-v2 (section 3.7) at paper scale, trained on
# annotated and detected patches, validated and tested on detected ones. To write the
# files of detected patches for each part:
#     for part in train val test; do
#         python tools/test.py configs/mamminet_v2.py CHECKPOINT --cfg-options \
#             test_dataloader.dataset.ann_file=annotations/$part.json \
#             default_hooks.detections.type=DetectionFileHook \
#             default_hooks.detections.out_file=data/ddsm/detections/$part.json
#     done
# To train without them, set detection_file=None and gold=True (a different protocol).
_base_ = [
    '../_base_/models/momminet_v2.py',
    '../_base_/tasks/patches.py',
    '../_base_/schedules/malignancy_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    _base_.malignancy,
    # like the detectors: in the whole system, patches are cut from their input
    data_preprocessor=dict(_base_.data_preprocessor, type='MammogramDataPreprocessor'),
)

data_root = 'data/ddsm/'
train_dataloader = dict(
    dataset=dict(data_root=data_root, detection_file='data/ddsm/detections/train.json')
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root, detection_file='data/ddsm/detections/val.json', gold=False
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root, detection_file='data/ddsm/detections/test.json', gold=False
    )
)
del data_root

default_hooks = dict(checkpoint=dict(save_best='malignancy/auc', rule='greater'))
