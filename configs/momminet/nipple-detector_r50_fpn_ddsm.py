# MommiNet-v2's nipple detector by itself, at paper scale.
_base_ = [
    '../_base_/models/nipple_detector.py',
    '../_base_/datasets/ddsm_nipple.py',
    '../_base_/schedules/schedule_1x.py', '../_base_/default_runtime.py'
]
