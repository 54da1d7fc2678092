# DisAsymNet without Synthesis, INbreast: tables 1 and 2.
_base_ = [
    '../_base_/models/dis_asym_net.py', '../_base_/datasets/inbreast_pair.py',
    '../_base_/schedules/disasym_50e.py', '../_base_/default_runtime.py'
]
