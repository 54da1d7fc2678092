"""Rows, masks and pairs of views against loops over samples."""

import ast
import itertools
from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample

from mammo_plugins import models
from mammo_plugins.models.multi_view import ViewBatch, ViewMask, own_image
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

NAMES = ('RCC', 'LCC', 'RMLO', 'LMLO')
SAME_BREAST = dict(RCC='RMLO', RMLO='RCC', LCC='LMLO', LMLO='LCC')
SAME_VIEW = dict(RCC='LCC', LCC='RCC', RMLO='LMLO', LMLO='RMLO')


def exams(seed, num=4, least=1):
    """Samples with some of their views, and images that say whose they are."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = {name: [] for name in NAMES}, []
    for i in range(num):
        order = torch.randperm(len(NAMES), generator=generator).tolist()
        count = int(torch.randint(least, len(NAMES) + 1, (), generator=generator))
        sample = MultiViewDataSample()
        for k in order[:count]:
            sample.set_data(
                {
                    NAMES[k]: DetDataSample(
                        metainfo=dict(img_id=(i, NAMES[k]), img_shape=(33, 20))
                    )
                }
            )
        for k, name in enumerate(NAMES):
            if name in sample:
                inputs[name].append(torch.full((1, 64, 64), 10.0 * i + k))
        samples.append(sample)
    return {
        name: torch.stack(found) for name, found in inputs.items() if found
    }, samples


def value(sample, name):
    return 10.0 * sample + NAMES.index(name)


def values(batch):
    return batch.rows.flatten(1)[:, 0].tolist()


@pytest.fixture(params=range(8))
def exam(request):
    inputs, samples = exams(request.param)
    return ViewBatch.gather(inputs, samples, NAMES), inputs, samples


def test_gather_is_a_loop_over_views_and_samples(exam):
    batch, inputs, samples = exam
    expected = [
        (i, name)
        for name in NAMES
        for i, sample in enumerate(samples)
        if name in sample
    ]
    assert batch.mask.places == expected
    assert values(batch) == [value(*place) for place in expected]
    assert [view.img_id for view in batch.mask.samples(samples)] == expected
    for k, place in enumerate(expected):
        assert batch.mask.row(*place) == k
    for i, name in itertools.product(range(len(samples)), NAMES):
        if name not in samples[i]:
            assert batch.mask.row(i, name) is None
            assert batch.own_image(i, name, samples[0]) is None
    assert set(batch.views) == set(inputs)
    for name, images in inputs.items():
        assert torch.equal(batch.views[name], images)
        assert torch.equal(batch.like(batch.rows).views[name], images)


@pytest.mark.parametrize('partners', [SAME_BREAST, SAME_VIEW, dict(RCC='LMLO')])
def test_pairs_are_those_of_a_loop(exam, partners):
    batch, _, samples = exam
    own, other = batch.mask.paired(partners)
    assert own == sorted(own)
    found = {(batch.mask.places[a], batch.mask.places[b]) for a, b in zip(own, other)}
    assert len(own) == len(other) == len(found)
    assert found == {
        ((i, name), (i, partner))
        for i, sample in enumerate(samples)
        for name, partner in partners.items()
        if name in sample and partner in sample
    }


def test_samples_are_found_again(exam):
    batch, _, samples = exam
    for i, sample in enumerate(samples):
        assert batch.of_sample(i).flatten(1)[:, 0].tolist() == [
            value(i, name) for name in NAMES if name in sample
        ]
        for name in sample.view_names:
            found = batch.own_image(i, name, sample.get(name))
            assert found.shape == (1, 1, 64, 32) and (found == value(i, name)).all()
    for names in itertools.combinations(NAMES, 2):
        assert batch.mask.rows_with(*names) == [
            i for i, sample in enumerate(samples) if all(n in sample for n in names)
        ]
    assert batch.mask.rows_with('ML') == []


def test_selecting_and_joining(exam):
    batch, inputs, samples = exam
    chosen = [2, 0]
    part = batch.select(chosen)
    names = [name for name in NAMES if name in inputs]
    assert values(part) == [
        value(i, name) for name in names for i in chosen if name in samples[i]
    ]
    both = batch.joined(part)
    assert both.mask.num_samples == len(samples) + 2
    assert values(both) == [
        value(i, name)
        for name in names
        for i in [*range(len(samples)), *chosen]
        if name in samples[i]
    ]
    assert values(batch.select([])) == []


def test_a_first_view_stands_in(exam):
    batch, _, samples = exam
    filled = batch.filled(NAMES)
    assert filled.mask.is_whole and filled.stacked.shape == (4, len(samples), 1, 64, 64)
    for name, i in itertools.product(NAMES, range(len(samples))):
        own = name if name in samples[i] else next(n for n in NAMES if n in samples[i])
        assert (filled.views[name][i] == value(i, own)).all()


@pytest.mark.parametrize('rows', [[], [1, 3], list(range(5))])
def test_scattered_rows_replace_those_alone(rows):
    batch = ViewBatch(ViewMask.whole('a', 5), torch.arange(5.0)[:, None])
    new = torch.arange(5.0)[:, None].requires_grad_()
    found = batch.scattered(rows, (new * 100)[rows]).rows
    expected = [100.0 * k if k in rows else float(k) for k in range(5)]
    assert found.flatten().tolist() == expected
    if rows:
        found.sum().backward()
        assert new.grad.flatten().tolist() == [100.0 * (k in rows) for k in range(5)]
    # values of lower precision, as under autocast
    assert batch.scattered([0], torch.ones(1, 1).half()).rows.dtype == torch.float32


def test_whole_batches_are_stacked_by_view():
    views = {name: torch.rand(3, 2, 5) for name in NAMES}
    batch = ViewBatch.whole(views)
    assert batch.mask.is_whole
    assert torch.equal(batch.stacked, torch.stack([views[name] for name in NAMES]))
    doubled = batch.map(lambda rows: 2 * rows)
    for name in NAMES:
        assert torch.equal(doubled.views[name], 2 * views[name])


def test_batches_that_do_not_fit_are_refused():
    inputs, samples = exams(0)
    name = samples[0].view_names[0]
    with pytest.raises(ValueError, match=f'view {name}: .* images for'):
        ViewBatch.gather(dict(inputs, **{name: torch.rand(9, 1, 4, 4)}), samples, NAMES)
    with pytest.raises(ValueError, match='3 rows for 4 existing views'):
        ViewBatch(ViewMask.whole(('CC', 'MLO'), 2), torch.rand(3, 1))
    holes = ViewMask(('CC', 'MLO'), torch.tensor([[1, 0], [1, 1]]))
    assert not holes.is_whole
    with pytest.raises(ValueError, match='lacks one of'):
        ViewBatch(holes, torch.rand(3, 1)).stacked


def test_own_image_is_cut_to_multiples():
    image = torch.rand(2, 1, 96, 96)
    sample = DetDataSample(metainfo=dict(img_shape=(33, 64)))
    assert torch.equal(own_image(image, 1, sample), image[1:, :, :64, :64])
    assert own_image(image, 0, sample, divisor=1).shape == (1, 1, 33, 64)


def row_arithmetic(text):
    """Yield the lines that part or exchange rows by counting them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            numbers = [getattr(arg, 'value', None) for arg in node.args]
            if (
                node.func.attr == 'chunk'
                and len(numbers) == 1
                or node.func.attr == 'unflatten'
                and numbers[:1] == [0]
                or node.func.attr == 'roll'
                and numbers[1:] == [0]
            ):
                yield node.lineno


@pytest.mark.parametrize(
    'text, lines',
    [
        ('a, b = x.chunk(2)', [1]),
        ('x.unflatten(0, (2, -1))', [1]),
        ('x.roll(len(y), 0)', [1]),
        ('a, b = x.chunk(2, 1)', []),
        ('x.unflatten(1, (2, -1))', []),
        ('x.roll(-1, 3)', []),
        ('pairs.stacked', []),
    ],
)
def test_row_arithmetic_is_found(text, lines):
    assert list(row_arithmetic(text)) == lines


@pytest.mark.parametrize('kind', ['classifiers', 'detectors', 'segmentors', 'heads'])
def test_models_leave_rows_to_the_batch(kind):
    paths = list((Path(models.__file__).parent / kind).glob('*.py'))
    assert len(paths) > 1
    assert not {
        path.name: lines
        for path in paths
        for lines in [list(row_arithmetic(path.read_text()))]
        if lines
    }
