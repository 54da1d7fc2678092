# The malignancy classifier of MommiNet-v2 (section 3.7) at paper scale, trained on
# annotated and detected patches, validated and tested on detected ones;
# _base_/datasets/ddsm_patches.py says how to write the files of detections.
_base_ = [
    '../_base_/models/malignancy_densenet121.py',
    '../_base_/datasets/ddsm_patches.py',
    '../_base_/schedules/malignancy_100e.py', '../_base_/default_runtime.py'
]

default_hooks = dict(
    checkpoint=dict(save_best='malignancy/auc', rule='greater'))
