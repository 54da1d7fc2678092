# With 200 synthetic images besides, made by blending adversarial networks.
_base_ = './mask-rcnn_r50_inbreast.py'

# what comes before; tools/cross_validate.py runs it in each fold
bank = '''
    python tools/build_lesion_bank.py data/inbreast/annotations/fold_{fold}/train.json
    --out data/inbreast/lesion_bank_fold_{fold}.npz --data-root data/inbreast
    --classes mass --context 2
'''
train = '''
    python tools/train.py configs/blending/blending-gan_inbreast.py
    --work-dir work_dirs/blending-gan_inbreast_fold_{fold} --resume
'''
images = '''
    python tools/synthesize.py configs/blending/blending-gan_inbreast.py
    work_dirs/blending-gan_inbreast_fold_{fold}/epoch_200.pth --count 200
    --out data/inbreast_blending_fold_{fold}
'''
preparation = [bank, train, images]
del train, images

original = _base_.train_dataloader.dataset
synthetic = dict(original)
synthetic.update(
    data_root='data/inbreast_blending_fold_1/',
    ann_file='annotations/train.json')
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[original, synthetic]))
del original, synthetic
