"""The malignancy losses: closed form, gradients, optimum, missing labels."""

import math

import pytest
import torch
from mmengine.optim import OptimWrapper

from mammo_plugins.models import FixedWeightLoss, UncertaintyWeightedLoss

NAN = float('nan')


def batch(dtype=torch.float64):
    torch.manual_seed(0)
    return dict(
        cls_score=torch.randn(5, 2, dtype=dtype, requires_grad=True),
        birads_score=torch.rand(5, dtype=dtype, requires_grad=True),
        labels=torch.tensor([1, 0, -1, 1, -1]),
        targets=torch.tensor([0.9, NAN, 0.3, NAN, 0.1], dtype=dtype),
    )


def by_hand(data):
    """L1 and L2 of equation 4, sample by sample."""
    entropies = [
        -math.log(math.exp(row[label]) / sum(map(math.exp, row)))
        for row, label in zip(data['cls_score'].tolist(), data['labels'].tolist())
        if label >= 0
    ]
    errors = [
        (score - target) ** 2
        for score, target in zip(
            data['birads_score'].tolist(), data['targets'].tolist()
        )
        if target == target
    ]
    return sum(entropies) / len(entropies), sum(errors) / len(errors)


@pytest.mark.parametrize('sigma', [(1.0, 1.0), (0.5, 2.0), (3.0, 0.1)])
def test_equation_4(sigma):
    data = batch()
    first, second = by_hand(data)
    found = UncertaintyWeightedLoss(sigma).double()(**data)
    expected = (
        first / sigma[0] ** 2
        + second / (2 * sigma[1] ** 2)
        + math.log(sigma[0] * sigma[1])
    )
    assert found['loss'].item() == pytest.approx(expected, rel=1e-6)
    assert found['cross_entropy'].item() == pytest.approx(first)
    assert found['squared_error'].item() == pytest.approx(second)
    assert found['sigma_1'].item() == pytest.approx(sigma[0])
    assert found['sigma_2'].item() == pytest.approx(sigma[1])


@pytest.mark.parametrize('weights', [(0.7, 0.3), (1.0, 0.0), (0.0, 1.0)])
def test_fixed_weights(weights):
    data = batch()
    first, second = by_hand(data)
    loss = FixedWeightLoss(weights)(**data)['loss']
    assert loss.item() == pytest.approx(weights[0] * first + weights[1] * second)


@pytest.mark.parametrize('make', [UncertaintyWeightedLoss, FixedWeightLoss])
def test_gradients(make):
    data, loss = batch(), make().double()
    parameters = [*loss.parameters()]

    def run(cls_score, birads_score, *_):
        return loss(cls_score, birads_score, data['labels'], data['targets'])['loss']

    assert torch.autograd.gradcheck(
        run, (data['cls_score'], data['birads_score'], *parameters)
    )


def test_optimum_of_sigma_for_fixed_losses():
    """d/d sigma of equation 4 is 0 at sigma_1^2 = 2 L1 and sigma_2^2 = L2."""
    data, loss = batch(), UncertaintyWeightedLoss().double()
    data = {k: v.detach() for k, v in data.items()}
    first, second = by_hand(data)
    optimiser = torch.optim.LBFGS(loss.parameters(), max_iter=200, tolerance_grad=1e-12)

    def step():
        optimiser.zero_grad()
        value = loss(**data)['loss']
        value.backward()
        return value

    optimiser.step(step)
    assert loss.sigma[0] ** 2 == pytest.approx(2 * first, rel=1e-5)
    assert loss.sigma[1] ** 2 == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize('missing', ['labels', 'targets'])
def test_a_branch_without_labels_drops_out(missing):
    """Its sigma too, which would shrink to nothing; gradients are zeros."""
    data = batch()
    data[missing] = torch.full_like(data[missing], -1 if missing == 'labels' else NAN)
    loss = UncertaintyWeightedLoss((0.5, 2.0)).double()
    found = loss(**data)
    found['loss'].backward()
    gone = 0 if missing == 'labels' else 1
    assert loss.log_sigma.grad[gone] == 0
    assert loss.log_sigma.grad[1 - gone] != 0
    outputs = [data['cls_score'], data['birads_score']]
    assert (outputs[gone].grad == 0).all()
    assert (outputs[1 - gone].grad != 0).any()
    name = ('cross_entropy', 'squared_error')[gone]
    assert name not in found
    kept = [
        lambda s, v: v / s**2 + math.log(s),
        lambda s, v: v / (2 * s**2) + math.log(s),
    ][1 - gone]
    value = found[('squared_error', 'cross_entropy')[gone]].item()
    assert found['loss'].item() == pytest.approx(
        kept((0.5, 2.0)[1 - gone], value), rel=1e-6
    )


@pytest.mark.parametrize('make', [UncertaintyWeightedLoss, FixedWeightLoss])
def test_a_batch_without_any_label_changes_nothing(make):
    data = batch()
    data['labels'].fill_(-1)
    data['targets'].fill_(NAN)
    loss = make().double()
    value = loss(**data)['loss']
    value.backward()
    assert value == 0
    for tensor in (data['cls_score'], data['birads_score'], *loss.parameters()):
        assert (tensor.grad == 0).all()


def test_unlabelled_samples_do_not_count():
    data = batch()
    whole = UncertaintyWeightedLoss().double()(**data)['loss']
    data['labels'] = torch.cat([data['labels'], torch.tensor([-1] * 3)])
    data['targets'] = torch.cat([data['targets'], data['targets'].new_full((3,), NAN)])
    data['cls_score'] = torch.cat([data['cls_score'], torch.randn(3, 2)])
    data['birads_score'] = torch.cat([data['birads_score'], torch.randn(3)])
    assert UncertaintyWeightedLoss().double()(**data)['loss'].item() == pytest.approx(
        whole.item()
    )


def test_sigma_is_learned_with_the_network():
    loss = UncertaintyWeightedLoss()
    optim = OptimWrapper(torch.optim.SGD(loss.parameters(), lr=0.01))
    before = loss.sigma
    optim.update_params(loss(**batch(torch.float32))['loss'])
    assert loss.sigma != before


@pytest.mark.parametrize(
    'build',
    [
        lambda: UncertaintyWeightedLoss((1.0, 0.0)),
        lambda: FixedWeightLoss((0.0, 0.0)),
        lambda: UncertaintyWeightedLoss((1.0,)),
        lambda: FixedWeightLoss((-1.0, 1.0)),
    ],
)
def test_impossible_weights(build):
    with pytest.raises(ValueError, match='expected two values'):
        build()
