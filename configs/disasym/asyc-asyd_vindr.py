# DisAsymNet without Synthesis, VinDr-Mammo: tables 1 and 2.
_base_ = [
    '../_base_/models/dis_asym_net.py', '../_base_/datasets/vindr_pair.py',
    '../_base_/schedules/disasym_20e.py', '../_base_/default_runtime.py'
]
