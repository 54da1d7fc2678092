# DIVF(Concatenate), ResNet-18, CMMD: table 1.
_base_ = [
    '../_base_/models/divf_net.py', '../_base_/datasets/cmmd_breast.py',
    '../_base_/schedules/divf_200e.py', '../_base_/default_runtime.py'
]
