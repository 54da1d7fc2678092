"""MommiNet: stages, missing views, shared work."""

import copy
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData
from mmpretrain.structures import DataSample

from mammo_plugins.models.multi_view import ViewBatch, own_image
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import ROLES
from mammo_plugins.testing import demo_exam, demo_tri_view_inputs

CONFIG = Path(__file__).parents[2] / 'configs/mamminet_v2_phantom.py'
BRANCHES = ('ipsilateral', 'bilateral', 'fusion')


@pytest.fixture
def model():
    torch.manual_seed(0)
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    # untrained maps are flat: spread them, so that there are boxes to compare
    for head in (model.bilateral.decode_head, model.fusion):
        weight = torch.nn.init.normal_(head.conv_logits.weight, std=1.0)
        with torch.no_grad():
            weight -= weight.mean()  # features are positive
            head.conv_logits.bias.zero_()
    return model.eval()


@pytest.fixture
def exam():
    return demo_tri_view_inputs(demo_exam((64, 64)))


def without(samples, *names):
    """The samples with partners withheld."""
    samples = copy.deepcopy(samples)
    for sample in samples:
        for name in names:
            sample['inputs'][name] = None
            del sample['data_samples'][name]
    return samples


def annotated(samples):
    """A lesion in each view of the first sample, none in the others."""
    for i, sample in enumerate(samples):
        views = sample['data_samples']
        for name in views.view_names:
            view = views.get(name)
            boxes = torch.tensor([[10.0, 12.0, 30.0, 34.0]])[: int(i == 0)]
            view.gt_instances = InstanceData(
                bboxes=boxes, labels=torch.zeros(len(boxes)).long()
            )
            view.ignored_instances = InstanceData(
                bboxes=boxes[:0], labels=torch.zeros(0).long()
            )
            drawn = torch.zeros(1, 64, 64, dtype=torch.uint8)
            drawn[:, 12:34, 10:30] = int(i == 0)
            view.gt_sem_seg = PixelData(sem_seg=drawn)
    return samples


def normal(samples):
    """Annotated samples without their lesions."""
    samples = copy.deepcopy(samples)
    for sample in samples:
        views = sample['data_samples']
        for view in map(views.get, views.view_names):
            view.gt_instances = view.gt_instances[:0]
            view.gt_sem_seg.sem_seg.zero_()
    return samples


def patches():
    samples = []
    for label in (0, 1):
        sample = DataSample(metainfo=dict(img_shape=(64, 64)))
        sample.set_gt_label(label)
        sample.gt_birads_score = 0.2
        samples.append(dict(inputs=torch.rand(1, 64, 64), data_samples=sample))
    return samples


def loss(model, samples):
    data = model.data_preprocessor(pseudo_collate(samples), True)
    return model.parse_losses(model(**data, mode='loss'))[0]


def same(one, other):
    assert len(one.bboxes) == len(other.bboxes) > 0
    assert torch.allclose(one.bboxes, other.bboxes, atol=1e-4)
    assert torch.allclose(one.scores, other.scores, atol=1e-4)


@pytest.mark.parametrize('stage', BRANCHES + ('malignancy',))
def test_a_stage_trains_its_part_alone(model, exam, stage):
    """Parameters and running statistics of the rest do not move."""
    model.start_stage(stage)
    model.train()
    assert [name for name, part in model.named_children() if part.training] == [stage]
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss(model, patches() if stage == 'malignancy' else annotated(exam)).backward()
        optimizer.step()
    moved = {
        name.split('.')[0]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {stage}
    missing = [
        name for name, p in getattr(model, stage).named_parameters() if p.grad is None
    ]
    assert not missing
    assert any(
        'running_mean' in name
        for name in before
        if name.startswith('ipsilateral.backbone')
    )


@pytest.mark.parametrize('stage', BRANCHES)
@pytest.mark.parametrize(
    'holes', [('ipsilateral',), ('bilateral',), ('ipsilateral', 'bilateral')]
)
def test_training_with_missing_views(model, exam, stage, holes):
    model.start_stage(stage)
    model.train()
    samples = annotated(exam)
    complete, holey = samples[:2], without(samples[2:], *holes)
    for batch in (complete + holey, holey):
        model.zero_grad()
        value = loss(model, batch)
        assert torch.isfinite(value)
        value.backward()
        missing = [
            name
            for name, p in getattr(model, stage).named_parameters()
            if p.grad is None
        ]
        assert not missing  # distributed training would fail


def folds_of(tmp_path, models, patients):
    """Checkpoints of whole systems, and files of the patients that each holds out."""
    folds = []
    for k, (model, held_out) in enumerate(zip(models, patients)):
        folds.append(
            dict(
                checkpoint=str(tmp_path / f'{k}.pth'),
                ann_file=str(tmp_path / f'{k}.json'),
            )
        )
        torch.save(dict(state_dict=model.state_dict()), folds[-1]['checkpoint'])
        Path(folds[-1]['ann_file']).write_text(
            json.dumps(dict(images=[dict(patient_id=name) for name in held_out]))
        )
    return folds


def with_folds(model, folds):
    """The same system, given folds."""
    cfg = Config.fromfile(CONFIG).model
    with MODELS.switch_scope_and_registry('mammo'):
        given = MODELS.build(dict(cfg, out_of_fold=folds))
    given.load_state_dict(model.state_dict())
    with MODELS.switch_scope_and_registry('mammo'):
        given.start_stage('fusion')
    return given.eval()


def test_fusion_learns_from_maps_out_of_folds(model, exam, tmp_path):
    """Each patient's maps are of the branches of her fold, features of the system."""
    samples = annotated(exam)[:2]
    for sample, patient in zip(samples, 'ab'):
        sample['data_samples'].main.set_metainfo(dict(patient_id=patient))
    other = copy.deepcopy(model)
    for parameter in other.bilateral.decode_head.parameters():
        torch.nn.init.normal_(parameter)
    torch.nn.init.normal_(other.ipsilateral.roi_head.bbox_head.fc_cls.weight)
    model.start_stage('fusion')

    # a system whose branches are all of one fold: maps of that fold
    same = with_folds(model, folds_of(tmp_path, [model, model], ['a', 'b']))
    assert loss(same, samples).item() == pytest.approx(loss(model, samples).item())
    mixed = with_folds(model, folds_of(tmp_path, [other, model], ['a', 'b']))
    assert loss(mixed, samples[1:]).item() == pytest.approx(
        loss(model, samples[1:]).item()
    )
    data = model.data_preprocessor(pseudo_collate(samples[:1]), True)
    with torch.no_grad():
        views = other.ipsilateral.encode_views(**data)
        image, ipsi, bi = other._maps(
            ViewBatch.gather(**data, names=ROLES), data['data_samples'][0], 0, views, {}
        )
        features = model.ipsilateral.backbone(image)
        by_hand = model.fusion.loss(
            image, ipsi, bi, features, [data['data_samples'][0].main]
        )['loss_map']
    found = loss(mixed, samples[:1])
    assert found.item() == pytest.approx(by_hand.item())
    assert found.item() != pytest.approx(loss(model, samples[:1]).item())
    # nothing of the folds is saved or trained
    assert set(mixed.state_dict()) == set(model.state_dict())
    # told again, it keeps its branches; another stage needs none
    held = mixed._held_out
    mixed.start_stage('fusion')
    assert mixed._held_out is held
    mixed.start_stage('malignancy')
    assert mixed._held_out is None
    mixed._held_out, mixed.stage = held, 'fusion'
    samples[0]['data_samples'].main.set_metainfo(dict(patient_id='c'))
    with pytest.raises(ValueError, match='in no ann_file'):
        loss(mixed, samples[:1])
    with pytest.raises(ValueError, match='held out by another fold'):
        with_folds(model, folds_of(tmp_path, [model, model], ['ab', 'b']))


def test_fusion_learns_from_complete_samples_alone(model, exam):
    model.start_stage('fusion')
    samples = annotated(exam)
    mixed = [samples[0], *without(samples[1:], 'bilateral')]
    assert torch.allclose(loss(model, mixed), loss(model, samples[:1]))
    assert loss(model, without(samples, 'bilateral')) == 0


def test_losses_need_a_stage(model, exam):
    with pytest.raises(RuntimeError, match='StagedTrainLoop'):
        loss(model, annotated(exam))
    with pytest.raises(ValueError, match="no part 'fuse'"):
        model.start_stage('fuse')


class TestMissingViewsAtTest:
    def predict(self, part, model, samples):
        with torch.no_grad():
            return part.predict(
                **model.data_preprocessor(pseudo_collate(copy.deepcopy(samples)))
            )

    def test_no_contralateral_view_leaves_the_ipsilateral_branch(self, model, exam):
        samples = without(exam, 'bilateral')
        for ours, theirs in zip(
            self.predict(model, model, samples),
            self.predict(model.ipsilateral, model, samples),
        ):
            same(ours.pred_instances, theirs.pred_instances)
            assert ours.model_views == ['main', 'ipsilateral']

    def test_no_ipsilateral_view_leaves_the_bilateral_branch(self, model, exam):
        samples = without(exam, 'ipsilateral')
        for ours, theirs in zip(
            self.predict(model, model, samples),
            self.predict(model.bilateral, model, samples),
        ):
            same(ours.pred_instances, theirs.pred_instances)
            assert ours.model_views == ['main', 'bilateral']

    def test_main_view_alone(self, model, exam):
        samples = without(exam, 'ipsilateral', 'bilateral')
        for ours, theirs in zip(
            self.predict(model, model, samples),
            self.predict(model.ipsilateral, model, samples),
        ):
            same(ours.pred_instances, theirs.pred_instances)
            assert ours.model_views == ['main']

    def test_all_together_as_each_alone(self, model, exam):
        mixed = [
            exam[0],
            *without(exam[1:2], 'bilateral'),
            *without(exam[2:3], 'ipsilateral'),
            *without(exam[3:], 'ipsilateral', 'bilateral'),
        ]
        together = self.predict(model, model, mixed)
        for sample, result in zip(mixed, together):
            (alone,) = self.predict(model, model, [sample])
            same(result.pred_instances, alone.pred_instances)
        assert [r.model_views for r in together] == [
            ['main', 'ipsilateral', 'bilateral'],
            ['main', 'ipsilateral'],
            ['main', 'bilateral'],
            ['main'],
        ]


def test_fusion_is_what_the_equations_say(model, exam):
    """The composition by hand: maps of both branches, then the fusion network."""
    from mammo_plugins.models.utils import boxes_to_probability_map, map_to_boxes

    with torch.no_grad():
        data = model.data_preprocessor(pseudo_collate(exam[:1]))
        (result,) = model.predict(**copy.deepcopy(data))
        (sample,) = data['data_samples']
        image = own_image(data['inputs']['main'], 0, sample.main)
        found = model.ipsilateral.predict(**copy.deepcopy(data), rescale=False)[
            0
        ].pred_instances
        ipsi = boxes_to_probability_map(found.bboxes, found.scores, (64, 64))
        bi = model.bilateral.probability_map(image, data['inputs']['bilateral'])
        fused = model.fusion.predict_map(
            image, ipsi[None, None], bi, model.ipsilateral.backbone(image)
        )
        boxes, scores = map_to_boxes(fused[0, 0], max_per_img=20)
    same(result.pred_instances, InstanceData(bboxes=boxes, scores=scores))


def test_boxes_are_rescaled(model, exam):
    (small,) = model.test_step(pseudo_collate(copy.deepcopy(exam[:1])))
    for name in ('main', 'ipsilateral', 'bilateral'):
        exam[0]['data_samples'].get(name).set_metainfo(
            # lengths in mm stay, and with them the relations
            dict(scale_factor=(0.5, 0.25), pixel_spacing_mm=(0.025, 0.05))
        )
    (large,) = model.test_step(pseudo_collate(exam[:1]))
    assert torch.allclose(
        large.pred_instances.bboxes,
        small.pred_instances.bboxes * torch.tensor([2.0, 4.0, 2.0, 4.0]),
    )


def test_detections_are_judged(model, exam):
    (result,) = model.test_step(pseudo_collate(exam[:1]))
    found = result.pred_instances
    assert found.malignancy.shape == found.birads_score.shape == (len(found),)
    assert ((found.malignancy > 0) & (found.malignancy < 1)).all()
    model.malignancy = None
    (result,) = model.test_step(pseudo_collate(exam[:1]))
    assert 'malignancy' not in result.pred_instances


@pytest.mark.parametrize('register_features, stems', [(False, 8), (True, 4)])
def test_work_is_shared_within_an_exam(model, register_features, stems):
    """Four passes of the ipsilateral backbone, and results as without sharing.

    Of the bilateral one eight to where views meet, since each registered image is one
    of its own; four where features are registered.
    """
    exam = demo_tri_view_inputs(demo_exam((64, 64)), register_features)
    model.bilateral.register_features = register_features
    passes = Counter()
    parts = {
        'ipsilateral': model.ipsilateral.backbone.stage4,
        'stem': model.bilateral.backbone.conv1,
        'stage 4': model.bilateral.backbone.stage4,
    }
    for name, part in parts.items():

        def count(module, inputs, output, name=name):
            first = inputs[0]
            passes[name] += len(first if torch.is_tensor(first) else first[0])

        part.register_forward_hook(count)
    with torch.no_grad():
        shared = model.test_step(pseudo_collate(copy.deepcopy(exam)))
    assert passes == {'ipsilateral': 4, 'stem': stems, 'stage 4': 4}
    passes.clear()
    with torch.no_grad():
        naive = [
            model.test_step(pseudo_collate([sample]))[0]
            for sample in copy.deepcopy(exam)
        ]
    assert passes == {'ipsilateral': 8, 'stem': 8, 'stage 4': 4}
    for one, other in zip(shared, naive):
        same(one.pred_instances, other.pred_instances)
        assert torch.allclose(
            one.pred_instances.malignancy, other.pred_instances.malignancy, atol=1e-4
        )


@pytest.mark.parametrize(
    'stage, branch', [('ipsilateral', 'ipsilateral'), ('bilateral', 'bilateral')]
)
def test_validation_in_a_stage_is_of_its_branch(model, exam, stage, branch):
    model.start_stage(stage)
    for ours, theirs in zip(
        model.test_step(pseudo_collate(copy.deepcopy(exam))),
        getattr(model, branch).predict(**model.data_preprocessor(pseudo_collate(exam))),
    ):
        same(ours.pred_instances, theirs.pred_instances)


@pytest.mark.parametrize('part', BRANCHES)
@pytest.mark.parametrize('alone', [True, False])
def test_parts_that_were_trained_before_are_loaded(model, tmp_path, part, alone):
    """From a branch's own checkpoint, or out of that of a whole system."""
    source = getattr(model, part) if alone else model
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'a.pth')
    cfg = Config.fromfile(CONFIG).model
    cfg[part].init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'))
    if not alone:
        cfg[part].init_cfg.prefix = part
    torch.manual_seed(1)
    with MODELS.switch_scope_and_registry('mammo'):
        new = MODELS.build(cfg)
    new.init_weights()
    for name, value in getattr(model, part).state_dict().items():
        assert torch.equal(getattr(new, part).state_dict()[name], value), name


def test_folds_of_another_network_are_refused(model, tmp_path):
    """Heads left out would be random, and other ones in each process."""
    folds = folds_of(tmp_path, [model], ['a'])
    state = model.state_dict()
    torch.save(
        dict(
            state_dict={
                key: value for key, value in state.items() if '.backbone.' in key
            }
        ),
        folds[0]['checkpoint'],
    )
    with pytest.raises(ValueError, match='0.pth: .* weights of the ipsilateral branch'):
        with_folds(model, folds)
