"""DIVF-Net against mmpretrain's own classifier and section 3.1 written out."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope
from mmpretrain.models import ImageClassifier
from torch.nn import functional as F

from mammo_plugins.models import DIVFNet, IVFBlock
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

SMALL = dict(
    type='mmpretrain.ResNet', depth=18, in_channels=1, stem_channels=4, base_channels=4
)


def build(**settings):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(
            dict(
                type='DIVFNet',
                backbone=dict(SMALL, **settings.pop('backbone', {})),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(
                    type='LinearClsHead',
                    num_classes=2,
                    in_channels=settings.pop('width', 32),
                    loss=dict(type='mmpretrain.CrossEntropyLoss'),
                ),
                **settings,
            )
        )
        model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    torch.nn.init.normal_(model.head.fc.weight)
    return model


def breast(label, *views):
    sample = MultiViewDataSample()
    for view in views:
        sample.set_data({view: DetDataSample()})
    sample.gt_label = torch.tensor([label])
    return sample


def images(n, seed=0):
    return torch.rand(n, 1, 64, 48, generator=torch.manual_seed(seed))


@pytest.fixture
def batch():
    return (
        dict(CC=images(2), MLO=images(2, 1)),
        [breast(0, 'CC', 'MLO'), breast(1, 'CC', 'MLO')],
    )


def test_no_fusion_is_mmpretrains_classifier(batch):
    inputs, samples = batch
    model = build(fusion=None).eval()
    plain = ImageClassifier(
        backbone=dict(SMALL),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=2, in_channels=32),
    ).eval()
    plain.load_state_dict(model.state_dict())
    expected = [
        plain.head(plain.extract_feat(inputs[v])).softmax(1) for v in ('CC', 'MLO')
    ]
    found = model(inputs, samples, mode='predict')
    for i, sample in enumerate(found):
        torch.testing.assert_close(sample.CC.pred_score, expected[0][i])
        torch.testing.assert_close(
            sample.pred_score, (expected[0][i] + expected[1][i]) / 2
        )
        assert sample.pred_label.item() == sample.pred_score.argmax()


@pytest.mark.parametrize('aggregation', ['average', 'concatenate'])
@pytest.mark.parametrize('skip', [True, False])
def test_equals_section_3_1_written_out(batch, aggregation, skip):
    inputs, samples = batch
    model = build(
        fusion=dict(type='IVFBlock', aggregation=aggregation), skip=skip
    ).eval()
    net, block = model.backbone, model.fusion.conv

    def low(x):
        x = net.maxpool(net.relu(net.norm1(net.conv1(x))))
        return net.layer2(net.layer1(x))

    def of_view(examined, auxiliary):
        own, other = low(inputs[examined]), low(inputs[auxiliary])
        joint = (
            (own + other) / 2
            if aggregation == 'average'
            else torch.cat([own, other], 1)
        )
        fused = F.relu(
            F.batch_norm(
                F.conv2d(joint, block.conv.weight, padding=1),
                block.bn.running_mean,
                block.bn.running_var,
                block.bn.weight,
                block.bn.bias,
            )
        )
        if skip:
            fused = fused + own
        high = net.layer4(net.layer3(fused))
        return model.head.fc(high.mean((2, 3)))

    expected = torch.cat([of_view('CC', 'MLO'), of_view('MLO', 'CC')])
    torch.testing.assert_close(model(inputs, samples), expected)
    loss = F.cross_entropy(expected, torch.tensor([0, 1, 0, 1]))
    torch.testing.assert_close(model(inputs, samples, mode='loss')['loss'], loss)


def test_a_view_without_partner_takes_the_single_view_path(batch):
    inputs, _ = batch
    model = build().eval()
    alone = build(fusion=None).eval()
    alone.load_state_dict(
        {k: v for k, v in model.state_dict().items() if 'fusion' not in k}
    )
    # breast 0 has both views, breast 1 only MLO, breast 2 only CC
    samples = [breast(0, 'CC', 'MLO'), breast(1, 'MLO'), breast(1, 'CC')]
    found = model(inputs, samples, mode='predict')
    one = {v: inputs[v][:1] for v in inputs}
    torch.testing.assert_close(
        found[0].pred_score,
        model(one, [breast(0, 'CC', 'MLO')], mode='predict')[0].pred_score,
    )
    for i, view in ((1, 'MLO'), (2, 'CC')):
        (expected,) = alone({view: inputs[view][1:]}, [breast(1, view)], mode='predict')
        torch.testing.assert_close(found[i].pred_score, expected.pred_score)


def test_every_parameter_has_a_gradient_without_pairs():
    model = build()
    model({'CC': images(2)}, [breast(0, 'CC'), breast(1, 'CC')], mode='loss')[
        'loss'
    ].backward()
    assert all(p.grad is not None for p in model.parameters())
    assert not any(p.grad.any() for p in model.fusion.parameters())


def test_skip_keeps_the_examined_view_apart(batch):
    """Averages are alike for both views; only the skip tells them apart."""
    inputs, samples = batch
    fusion = dict(type='IVFBlock', aggregation='average')
    cc, mlo = build(fusion=fusion, skip=False).eval()(inputs, samples).split(2)
    torch.testing.assert_close(cc, mlo)
    cc, mlo = build(fusion=fusion).eval()(inputs, samples).split(2)
    assert (cc - mlo).abs().min() > 1e-3


@pytest.mark.parametrize(
    'backbone, width',
    [
        (dict(depth=34), 32),
        (dict(depth=50), 128),
        (dict(type='mmpretrain.ResNetV1d', depth=18), 32),
    ],
)
def test_any_resnet(batch, backbone, width):
    inputs, samples = batch
    model = build(backbone=backbone, width=width)
    model(inputs, samples, mode='loss')['loss'].backward()
    assert all(p.grad is not None for p in model.parameters())


def test_wrong_arguments():
    with pytest.raises(ValueError, match='aggregation'):
        IVFBlock(4, aggregation='sum')
    with pytest.raises(ValueError, match='cut'):
        build(cut=4)
    with pytest.raises(TypeError, match='ResNet'):
        DIVFNet(backbone=dict(type='mmpretrain.VGG', depth=11))
