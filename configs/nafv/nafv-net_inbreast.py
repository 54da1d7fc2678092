# NaFV-Net on ordinary mammograms: without recombined images, the same images are
# segmented and classified.
_base_ = [
    '../_base_/models/nafv_net.py',
    '../_base_/tasks/exam.py',
    '../_base_/datasets/inbreast_exam.py',
    '../_base_/schedules/nafv_500e.py',
    '../_base_/default_runtime.py',
]
model = dict(modality=None, segmentor=dict(modality=None))

# exams are not classified while masses are learned
train_cfg = dict(
    stages=dict(segmentation=dict(val_evaluator=dict(metrics=dict(malignancy=None))))
)

train_dataloader = dict(dataset=_base_.data_set)
val_dataloader = dict(dataset=_base_.data_set)
test_dataloader = dict(dataset=_base_.data_set)
