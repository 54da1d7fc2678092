"""The malignancy classifier: labels that are missing, predictions, patches."""

import pytest
import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mammo_plugins.models import MalignancyClassifier
from mammo_plugins.models.classifiers import malignancy_classifier
from mammo_plugins.registry import MODELS


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='mammo.MalignancyClassifier',
            backbone=dict(
                type='mmpretrain.DenseNet',
                in_channels=1,
                arch=dict(growth_rate=4, depths=[1, 1], init_channels=8),
            ),
            neck=dict(type='mmpretrain.GlobalAveragePooling'),
            head=dict(type='mammo.MalignancyHead', in_channels=10),
            data_preprocessor=dict(num_channels=1, mean=0.3, std=0.2),
        )
    )


def sample(label=None, score=None):
    out = DataSample(metainfo=dict(img_shape=(32, 32)))
    if label is not None:
        out.set_gt_label(label)
    if score is not None:
        out.gt_birads_score = score
    return out


def test_loss_is_over_the_labels_that_are_known(model):
    samples = [sample(1, 0.9), sample(0), sample(score=0.2), sample()]
    batch = model.data_preprocessor(
        dict(inputs=[torch.rand(1, 32, 32) for _ in samples], data_samples=samples),
        True,
    )
    assert batch['inputs'].shape == (4, 1, 32, 32)
    losses = model(**batch, mode='loss')
    logits, scores = model(batch['inputs'])
    entropy = F.cross_entropy(logits[:2], torch.tensor([1, 0]))
    error = ((scores[[0, 2]] - torch.tensor([0.9, 0.2])) ** 2).mean()
    assert losses['loss'].item() == pytest.approx(
        (entropy + error / 2).item(), rel=1e-4
    )
    total, logged = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert total.item() == pytest.approx(losses['loss'].item())
    assert {'cross_entropy', 'squared_error', 'sigma_1', 'sigma_2'} <= set(logged)


def test_prediction_fills_data_samples(model):
    model.eval()
    images = [torch.rand(1, 32, 32) for _ in range(3)]
    given = [sample(1), sample(), sample(score=0.5)]
    found = model.test_step(dict(inputs=images, data_samples=given))
    logits, scores = model(
        model.data_preprocessor(dict(inputs=images, data_samples=None))['inputs']
    )
    for i, out in enumerate(found):
        assert ('gt_label' in out) == ('gt_label' in given[i])
        assert out.pred_score.shape == (2,)
        torch.testing.assert_close(out.pred_score, logits[i].softmax(0))
        assert out.malignancy == pytest.approx(out.pred_score[1].item())
        assert out.birads_score == pytest.approx(min(max(scores[i].item(), 0), 1))
    assert found[2].gt_birads_score == 0.5  # what is predicted has another name


def test_patches_are_predicted_as_data_samples_are(model):
    model.eval()
    patches = torch.rand(3, 1, 32, 32)
    malignancy, birads_score = model.predict_patches(patches)
    found = model.predict(patches)
    assert malignancy.tolist() == pytest.approx([s.malignancy for s in found])
    assert birads_score.tolist() == pytest.approx([s.birads_score for s in found])


def test_many_patches_go_in_parts(model, monkeypatch):
    model.eval()
    patches = torch.rand(5, 1, 32, 32)
    whole = model.predict_patches(patches)
    monkeypatch.setattr(malignancy_classifier, 'CHUNK', 2)
    for part, expected in zip(model.predict_patches(patches), whole):
        torch.testing.assert_close(part, expected)


def test_no_patches(model):
    for found in model.eval().predict_patches(torch.zeros(0, 1, 32, 32)):
        assert found.shape == (0,)


def test_birads_scores_stay_in_range(model):
    model.eval()
    for bias, expected in ((5.0, 1.0), (-5.0, 0.0)):
        torch.nn.init.constant_(model.head.fc_birads.bias, bias)
        scores = model.predict_patches(torch.rand(2, 1, 32, 32))[1]
        assert (scores == expected).all()


def test_it_is_an_image_classifier_with_our_preprocessor(model):
    assert issubclass(MalignancyClassifier, ImageClassifier)
    bare = MalignancyClassifier(backbone=dict(type='mmpretrain.ResNet', depth=18))
    assert type(bare.data_preprocessor).__name__ == 'MammogramDataPreprocessor'
