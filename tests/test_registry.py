"""Every name of ours builds under the scopes that users work in."""

from collections import OrderedDict
from unittest.mock import MagicMock

import pytest
import torch
from fresh_python import fresh_python
from mmengine import registry as roots
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope
from torch.nn import Linear

from mammo_plugins import registry
from mammo_plugins.models.backbones.siamese_hrnet import HRNET_W48

# what each component needs to be built, for those that need anything
ARGUMENTS = {
    'ASPPHead': dict(in_channels=4),
    'AsymmetricTransformer': dict(in_channels=8, num_layers=1),
    'AsymmetryClassifier': dict(
        encoder=dict(type='mmpretrain.ResNet', depth=18), in_channels=512
    ),
    'AsymmetrySensitiveSegmentor': dict(num_tokens=4),
    'BiDualNet': dict(
        backbone=dict(type='mammo.SiameseResNet', depth=18),
        decode_head=dict(type='mammo.ASPPHead', in_channels=4),
    ),
    'BFloat16OptimWrapper': dict(optimizer=torch.optim.SGD([torch.zeros(1)], lr=0.0)),
    'BlendingGAN': dict(
        generator=dict(type='mammo.UNetGenerator', base_channels=8),
        discriminator=dict(type='mammo.PatchDiscriminator'),
    ),
    'CropToLesion': dict(size=(8, 8)),
    'DIVFNet': dict(backbone=dict(type='mmpretrain.ResNet', depth=18)),
    'DisAsymNet': dict(
        asyc=dict(
            type='mammo.AsymmetryClassifier',
            in_channels=512,
            encoder=dict(type='mmpretrain.ResNet', depth=18),
        )
    ),
    'DisentanglingDecoder': dict(in_channels=(4, 8)),
    'ForEachView': dict(transforms=[]),
    'FourViewMixer': dict(in_channels=8),
    'NaFVNet': dict(
        segmentor=dict(type='mammo.UNetSegmentor', base_channels=8, num_levels=2),
        embedding=dict(type='mammo.ConvEmbedding', channels=(4, 8)),
        embed_dims=8,
        mixer=dict(type='mammo.FourViewMixer'),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=2),
    ),
    'CompleteLoRAModel': dict(
        module=dict(
            type='mmpretrain.VisionTransformer',
            arch=dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8),
        ),
        rank=2,
        targets=[dict(type='qkv')],
    ),
    'UNet': dict(in_channels=1, base_channels=8),
    'NippleDetector': dict(
        backbone=dict(type='mmdet.ResNet', depth=18),
        rpn_head=None,
        roi_head=None,
        train_cfg=None,
        test_cfg=None,
    ),
    'DetectionFileHook': dict(out_file='detections.json'),
    'MLflowVisBackend': dict(save_dir='logs'),
    'MammogramVisualizer': dict(name='a'),
    'WandbVisBackend': dict(save_dir='logs'),
    'NarrowStemHRNet': dict(extra=HRNET_W48),
    'NamedConcatDataset': dict(
        lazy_init=True,
        datasets=dict(a=dict(type='mammo.ExamDataset', lazy_init=True), b=None),
    ),
    'EnsembleModel': dict(module=dict(type='mammo.UNetSegmentor', base_channels=8)),
    'NamedEvaluator': dict(metrics=dict(a=dict(type='mammo.FROCMetric'), b=None)),
    'NamedMixDataset': dict(
        lazy_init=True,
        pipeline=[],
        dataset=MagicMock(spec=BaseDataset, metainfo={}, __len__=lambda self: 1),
    ),
    'HRNetV2Head': dict(in_channels=(8, 8)),
    'InsertLesions': dict(bank=MagicMock()),
    'IgnoringMaxIoUAssigner': dict(
        pos_iou_thr=0.5,
        neg_iou_thr=0.5,
        iou_calculator=dict(type='mmdet.BboxOverlaps2D'),
    ),
    'IVFBlock': dict(in_channels=4),
    'NoiseGenerator': dict(size=(64, 64), base_channels=8),
    'IpsiDualNet': dict(
        backbone=dict(type='mmdet.ResNet', depth=18),
        rpn_head=None,
        roi_head=None,
        train_cfg=None,
        test_cfg=None,
    ),
    'Resize': dict(scale=(8, 8)),
    'SyncedBBoxHead': dict(
        bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
        cls_predictor_cfg=dict(type='mmdet.Linear'),
        reg_predictor_cfg=dict(type='mmdet.Linear'),
        loss_cls=dict(type='mmdet.CrossEntropyLoss'),
        loss_bbox=dict(type='mmdet.SmoothL1Loss'),
    ),
    'RelationBBoxHead': dict(
        bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
        cls_predictor_cfg=dict(type='mmdet.Linear'),
        reg_predictor_cfg=dict(type='mmdet.Linear'),
        loss_cls=dict(type='mmdet.CrossEntropyLoss'),
        loss_bbox=dict(type='mmdet.SmoothL1Loss'),
    ),
    'ClassBalancedSampler': dict(
        dataset=MagicMock(__len__=lambda self: 2, get_cat_ids=lambda i: [i])
    ),
    'MommiNet': dict(
        ipsilateral=dict(
            type='mammo.IpsiDualNet',
            backbone=dict(type='mmdet.ResNet', depth=18),
            rpn_head=None,
            roi_head=None,
            train_cfg=None,
            test_cfg=None,
        ),
        bilateral=dict(
            type='mammo.BiDualNet',
            backbone=dict(type='mammo.SiameseResNet', depth=18),
            decode_head=dict(type='mammo.ASPPHead', in_channels=4),
        ),
        fusion=dict(type='mammo.IntegratedFusionNet'),
    ),
    'MalignancyClassifier': dict(
        backbone=dict(type='mmpretrain.DenseNet'),
        head=dict(type='mammo.MalignancyHead', in_channels=1024),
    ),
    'MalignancyHead': dict(in_channels=4),
    'MultiOptimWrapperConstructor': dict(optim_wrapper_cfg={}),
    'PasteLesion': dict(bank=MagicMock()),
    'StagedTrainLoop': dict(
        runner=MagicMock(model=Linear(1, 1)),
        dataloader=dict(dataset=dict(type='ExamDataset')),
        order=['all'],
        stages=dict(
            all=dict(
                max_epochs=1,
                optim_wrapper=dict(optimizer=dict(type='SGD')),
                param_scheduler=None,
                auto_scale_lr=None,
            )
        ),
    ),
    'SyncedRPNHead': dict(
        in_channels=4,
        anchor_generator=dict(
            type='mmdet.AnchorGenerator', scales=[8], ratios=[1.0], strides=[4]
        ),
        bbox_coder=dict(type='mmdet.DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='mmdet.FocalLoss'),
        loss_bbox=dict(type='mmdet.L1Loss'),
    ),
    'SynthesizeMalignancy': dict(saliency=MagicMock()),
    'WithCleanImage': dict(transforms=[]),
}

# but for inferencers, which need weights: tests/test_apis/test_inferencers
REGISTRIES = [
    name
    for name in dir(registry)
    if name != 'INFERENCERS'
    and isinstance(getattr(registry, name), registry.MammoRegistry)
]


def registered():
    for name in REGISTRIES:
        child = getattr(registry, name)
        child.import_from_location()
        for component in child.module_dict:
            yield name, component


def arguments(name, kind):
    """What a component is built with; data sets are not read."""
    data = isinstance(kind, type) and issubclass(kind, BaseDataset)
    lazy = dict(lazy_init=True) if data else {}
    return {**lazy, **ARGUMENTS.get(name, {})}


def test_something_is_registered():
    names = {component for _, component in registered()}
    assert {
        'ExamDataset',
        'LoadMammogram',
        'FROCMetric',
        'RoIFocalLoss',
        'CheckpointCheckHook',
    } <= names


@pytest.mark.parametrize('scope', ['mammo', 'mmdet', 'mmpretrain'])
def test_builds_under_default_scope(scope):
    failed = {}
    for registry_name, component in registered():
        root = getattr(roots, registry_name)
        child = getattr(registry, registry_name)
        try:
            with DefaultScope.overwrite_default_scope(scope):
                kind = child.module_dict[component]
                built = root.build(
                    dict(type=f'mammo.{component}', **arguments(component, kind))
                )
            assert type(built) is kind
        except Exception as error:  # the others are tried too
            failed[f'{registry_name}.{component}'] = repr(error)
    assert not failed


@pytest.mark.parametrize(
    'registry_name, plain, home',
    [
        ('MODELS', 'FasterRCNN', 'mmdet'),
        ('MODELS', 'HRNet', 'mmdet'),
        ('MODELS', 'LinearClsHead', 'mmpretrain'),
        ('TRANSFORMS', 'PackDetInputs', 'mmdet'),
        ('TRANSFORMS', 'PackInputs', 'mmpretrain'),
        ('HOOKS', 'CheckpointHook', 'mmengine'),
        ('DATASETS', 'CocoDataset', 'mmdet'),
        ('DATASETS', 'RepeatDataset', 'mmengine'),
    ],
)
def test_plain_names_are_found_in_the_libraries(registry_name, plain, home):
    found = getattr(registry, registry_name).get(plain)
    assert found.__module__.startswith(home)


def test_unknown_names_are_not_found():
    assert registry.MODELS.get('NoSuchThing') is None


def test_the_config_alone_imports_us(tmp_path):
    """``custom_imports`` and MMEngine's Runner are enough."""
    done = fresh_python(
        tmp_path,
        """
from mmengine.config import Config
from mmengine.runner import Runner
cfg = Config(dict(
    custom_imports=dict(imports=["mammo_plugins"], allow_failed_imports=False),
    default_scope="mammo", work_dir="work", log_level="ERROR",
    model=dict(type="RetinaNet",
               data_preprocessor=dict(type="MammogramDataPreprocessor"),
               backbone=dict(type="ResNet", depth=18, num_stages=4),
               neck=dict(type="FPN", in_channels=[64, 128, 256, 512],
                         out_channels=16, num_outs=5),
               bbox_head=dict(type="RetinaHead", num_classes=1, in_channels=16,
                              anchor_generator=dict(
                                  type="AnchorGenerator", scales=[8],
                                  ratios=[1.], strides=[4, 8, 16, 32, 64])))))
runner = Runner.from_cfg(Config.fromstring(cfg.pretty_text, ".py"))
print(type(runner.model).__module__,
      type(runner.model.data_preprocessor).__module__)
""",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == [
        'mmdet.models.detectors.retinanet',
        'mammo_plugins.models.data_preprocessors.mammogram_data_preprocessor',
    ]


@pytest.mark.parametrize(
    'kind, name',
    [
        ('RandomFlip', 'RandomFlip'),
        ('mmdet.RandomFlip', 'RandomFlip'),
        (OrderedDict, 'OrderedDict'),
        (None, 'None'),
    ],
)
def test_the_name_of_a_type(kind, name):
    """A config may name a class itself."""
    assert registry.type_name(dict(type=kind)) == name
    assert registry.type_name([kind]) == ''
