# Rows of tables 2, 4, 5 and 6 of MommiNet-v2, and of its section 4.2, on the phantom:
#     python tools/analysis_tools/ablate.py configs/momminet/ablation.py --jobs 2
document = 'docs/results/momminet.md'
work_dir = 'work_dirs/ablation/momminet'
phantom = dict(exams=240, size=(256, 128), split=(0.667, 0, 0.333))
seeds = (1, 2, 3)

# weights from another row with the same seed
trained = '{folder}/%s/trained.pth'


def part(name, row, prefix=None):
    """Return settings that load a part from a row instead of training it."""
    settings = {
        f'model.{name}.init_cfg.type': 'Pretrained',
        f'model.{name}.init_cfg.checkpoint': trained % row,
        f'train_cfg.stages.{name}.max_epochs': 0,
    }
    if prefix is not None:
        settings[f'model.{name}.init_cfg.prefix'] = prefix
    return settings


rows = dict(
    hrnet=dict(
        title='HRNet + PWFL, one view', config='configs/momminet/hrnet-pwfl_phantom.py'
    ),
    faster_rcnn=dict(
        title='Faster R-CNN (HRNet) + FPN + FL + DIoU, one view',
        config='configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
    ),
    bidualnet_stage1=dict(
        title='BiDualNet-v2, concatenation at stage 1',
        config='configs/momminet/bidualnet-v2_phantom.py',
        options={'model.backbone.concat_stage': 1},
    ),
    bidualnet_stage2=dict(
        title='BiDualNet-v2, concatenation at stage 2',
        config='configs/momminet/bidualnet-v2_phantom.py',
        options={'model.backbone.concat_stage': 2},
    ),
    bidualnet=dict(
        title='BiDualNet-v2 (concatenation at stage 3)',
        config='configs/momminet/bidualnet-v2_phantom.py',
    ),
    ipsidualnet_no_relation=dict(
        title='IpsiDualNet-v2 without relation blocks',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
        options={'model.roi_head.bbox_head.num_relation_blocks': [0, 0]},
    ),
    ipsidualnet_shape_location=dict(
        title='IpsiDualNet-v2, shape and location of RoIs',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
        options={'model.roi_head.geometry': 'shape_location'},
    ),
    ipsidualnet_image_centre=dict(
        title='IpsiDualNet-v2, distance to the image centre',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
        options={'model.roi_head.geometry': 'image_centre'},
    ),
    ipsidualnet=dict(
        title='IpsiDualNet-v2 (distance to the nipple)',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
    ),
    # not in our tables (--rows bidualnet_features ipsidualnet_bilateral
    # ipsidualnet_none_key)
    bidualnet_features=dict(
        title='BiDualNet-v2, registered features',
        config='configs/momminet/bidualnet-v2_phantom.py',
        options={
            'model.register_features': True,
            **{
                f'{part}_dataloader.dataset.pipeline.register.register_features': True
                for part in ('train', 'val', 'test')
            },
        },
    ),
    ipsidualnet_bilateral=dict(
        title='IpsiDualNet-v2 on bilateral pairs',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
        options={
            'model.auxiliary': 'bilateral',
            **{
                f'{part}_dataloader.dataset.partners': ['bilateral']
                for part in ('train', 'val', 'test')
            },
        },
    ),
    ipsidualnet_none_key=dict(
        title='IpsiDualNet-v2, a RoI may attend to none',
        config='configs/momminet/ipsidualnet-v2_phantom.py',
        options={'model.roi_head.bbox_head.none_key': True},
    ),
    momminet=dict(
        title='MommiNet-v2, three views; biopsy and BI-RADS',
        config='configs/mamminet_v2_phantom.py',
        needs=['ipsidualnet', 'bidualnet'],
        options={
            **part('ipsilateral', 'ipsidualnet'),
            **part('bilateral', 'bidualnet'),
        },
    ),
    momminet_binary=dict(
        title='MommiNet-v2, biopsy alone',
        config='configs/mamminet_v2_phantom.py',
        needs=['momminet'],
        options={
            'model.malignancy.head.loss.type': 'FixedWeightLoss',
            'model.malignancy.head.loss.weights': [1.0, 0.0],
            **part('ipsilateral', 'momminet', 'ipsilateral'),
            **part('bilateral', 'momminet', 'bilateral'),
            **part('fusion', 'momminet', 'fusion'),
        },
    ),
)

froc = {f'R@{fppi}': f'froc/recall@{fppi}' for fppi in (0.5, 1.0, 2.0)}
tables = [
    dict(
        title='One, two and three views (table 6)',
        columns=froc,
        reference='faster_rcnn',
        rows=dict(
            hrnet=(0.70, 0.79, 0.84),
            faster_rcnn=(0.76, 0.82, 0.88),
            bidualnet=(0.801, 0.853, 0.891),
            ipsidualnet=(0.811, 0.843, 0.889),
            momminet=(0.831, 0.850, 0.898),
        ),
    ),
    dict(
        title="Relation blocks (table 2; the paper's row without them is of the "
        'original IpsiDualNet)',
        columns=froc,
        reference='ipsidualnet_no_relation',
        rows=dict(
            ipsidualnet_no_relation=(0.679, 0.772, 0.838),
            ipsidualnet=(0.811, 0.843, 0.889),
        ),
    ),
    dict(
        title='Geometry of the relation blocks (table 4, in-house data)',
        columns=froc,
        reference='ipsidualnet_image_centre',
        rows=dict(
            ipsidualnet_shape_location=(0.86, 0.90, 0.93),
            ipsidualnet_image_centre=(0.80, 0.85, 0.89),
            ipsidualnet=(0.891, 0.933, 0.961),
        ),
    ),
    dict(
        title='Where the views are concatenated (table 5, DDSM)',
        columns=froc,
        reference='hrnet',
        rows=dict(
            hrnet=(0.70, 0.79, 0.84),
            bidualnet_stage1=(0.763, 0.831, 0.874),
            bidualnet_stage2=(0.790, 0.852, 0.878),
            bidualnet=(0.801, 0.853, 0.891),
        ),
    ),
    dict(
        title='Malignancy of detected patches (section 4.2, in-house data)',
        columns={'AUC': 'malignancy/auc'},
        reference='momminet_binary',
        rows=dict(momminet_binary=(0.8860,), momminet=(0.9144,)),
    ),
]
