# NaFV-Net on CDD-CESM at paper scale, both stages in one command:
#     python tools/train.py configs/nafv/nafv-net_cdd-cesm.py
_base_ = [
    '../_base_/models/nafv_net.py',
    '../_base_/tasks/exam.py',
    '../_base_/datasets/cdd_cesm_exam.py',
    '../_base_/schedules/nafv_500e.py',
    '../_base_/default_runtime.py',
]

# exams are not classified while masses are learned
train_cfg = dict(
    stages=dict(segmentation=dict(val_evaluator=dict(metrics=dict(malignancy=None))))
)

train_dataloader = dict(dataset=_base_.data_set)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
