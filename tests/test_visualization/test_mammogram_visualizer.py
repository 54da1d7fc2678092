"""Pictures of samples for logs: at 16 bits, each mark in its place and colour."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.visualization import draw_sample, sample_name
from mammo_plugins.visualization.four_view import PREDICTED, TRUE

HEIGHT, WIDTH = 90, 54
SCALE, TOP = 540 / HEIGHT, 60  # pixels of the picture for one, and of its title
TRUTH, FOUND = (10, 20, 22, 38), (30, 50, 46, 80)


def image():
    rng = np.random.default_rng(0)
    return torch.from_numpy(0.2 + 0.1 * rng.random((1, HEIGHT, WIDTH))).float()


def boxes(*rows, **fields):
    return InstanceData(bboxes=torch.tensor(np.array(rows)).float(), **fields)


def view(img_id=7, **fields):
    sample = DetDataSample(
        metainfo=dict(
            img_id=img_id,
            img_path='/nowhere/Secretname.dcm',
            img_shape=(HEIGHT, WIDTH),
            scale_factor=(0.5, 0.5),
        )
    )
    sample.set_data(fields)
    return sample


def places(picture, colour, tolerance=30):
    """Return (n, 2) (x, y) in pixels of the image where a picture has a colour."""
    off = np.abs(picture[TOP:].astype(int) - 255 * np.array(to_rgb(colour)))
    y, x = np.nonzero(off.max(axis=2) < tolerance)
    return np.stack([x, y], axis=1) / SCALE


def extent(picture, colour):
    found = places(picture, colour)
    return [*found.min(axis=0), *found.max(axis=0)]


def test_boxes_of_a_detector_stand_in_two_colours_where_they_are():
    """Predictions and truth are in pixels before resizing, twice as many here."""
    sample = view(
        gt_instances=boxes(2 * np.array(TRUTH)),
        pred_instances=boxes(2 * np.array(FOUND), [0, 0, 8, 8], scores=torch.ones(2)),
    )
    sample.pred_instances.scores[1] = 0.05  # below the threshold
    picture = draw_sample(image(), sample)
    assert picture.dtype == np.uint8 and picture.shape[0] == TOP + 540
    assert extent(picture, TRUE) == pytest.approx(TRUTH, abs=0.4)
    x1, _, x2, y2 = extent(picture, PREDICTED)  # its score stands above it
    assert (x1, x2, y2) == pytest.approx((30, 46, 80), abs=0.4)
    shown = draw_sample(image(), sample, draw_gt=False, score_thr=0.01)
    assert not len(places(shown, TRUE))
    assert extent(shown, PREDICTED)[0] == pytest.approx(0, abs=0.4)


def test_only_the_best_boxes_are_drawn():
    left = [[0, 2 * k, 6, 2 * k + 2] for k in range(20)]
    scores = torch.tensor([0.9] * 20 + [0.5] * 200)
    sample = view(
        pred_instances=boxes(*left, *[[80, 100, 90, 110]] * 200, scores=scores)
    )
    assert places(draw_sample(image(), sample), PREDICTED)[:, 0].max() < 30


def test_ordinary_ignored_and_segmented_regions():
    mask = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.long)
    mask[0, 20:39, 10:23] = 1
    found = torch.zeros_like(mask)
    found[0, 50:81, 30:47] = 1
    sample = view(
        gt_sem_seg=PixelData(sem_seg=mask), pred_sem_seg=PixelData(sem_seg=found)
    )
    picture = draw_sample(image(), sample)  # maps are in pixels of the input
    assert extent(picture, TRUE) == pytest.approx((10, 20, 22, 38), abs=0.4)
    assert extent(picture, PREDICTED) == pytest.approx((30, 50, 46, 80), abs=0.4)
    counted = view(gt_instances=boxes(TRUTH))
    ignored = view(ignored_instances=boxes(TRUTH))
    dotted, solid = (
        len(places(draw_sample(image(), each), TRUE)) for each in (ignored, counted)
    )
    assert 0 < dotted < 0.8 * solid


def test_a_heat_map_is_laid_over_the_pixels():
    heat = torch.zeros(HEIGHT, WIDTH)
    heat[60:] = 1
    sample = view(heat_map=heat)
    before, after = draw_sample(image()), draw_sample(image(), sample)
    changed = np.abs(before[TOP:].astype(int) - after[TOP:]).max(axis=2) > 40
    rows = np.nonzero(changed[:, 20:-20].mean(axis=1) > 0.9)[0] / SCALE
    assert rows.min() == pytest.approx(60, abs=1) and rows.max() > 88


def test_256_levels_of_16_bits_are_told_apart():
    """By way of 8 bits they would be two."""
    levels = np.linspace(0.5, 0.5 + 1 / 256, HEIGHT)[:, None].repeat(WIDTH, axis=1)
    for pixels in (
        torch.from_numpy(levels)[None],
        np.round(levels * 65535).astype(np.uint16),
    ):
        picture = draw_sample(pixels)
        assert len(np.unique(picture[TOP:, 20])) > 80


def test_the_other_views_of_a_detector_have_no_boxes_of_the_main_one():
    views = dict(main=image(), ipsilateral=image(), bilateral=None)
    picture = draw_sample(views, view(gt_instances=boxes(TRUTH)))
    assert picture.shape[1] == pytest.approx(2 * WIDTH * SCALE, abs=2)
    assert places(picture, TRUE)[:, 0].max() < WIDTH


@pytest.mark.parametrize(
    'names, columns, filled, rows',
    [
        (('CC', 'MLO'), 2, {0, 1}, 1),
        (('L',), 2, {1}, 1),  # the place of the other breast stays
        (('RCC', 'LCC', 'RMLO', 'LMLO'), 2, {0, 1}, 2),
        (('CEM-LE RCC', 'CEM-RC RCC', 'CEM-LE LMLO'), 4, {0, 1, 2}, 2),
    ],
)
def test_samples_of_several_views_are_hung(names, columns, filled, rows):
    sample = MultiViewDataSample()
    for number, name in enumerate(names):
        sample.set_data({name: view(number, gt_instances=boxes(TRUTH))})
    sample.gt_label, sample.pred_score = torch.tensor([1]), torch.tensor([0.2, 0.8])
    picture = draw_sample(dict.fromkeys(names, image()), sample)
    assert picture.shape[1] == pytest.approx(columns * WIDTH * SCALE, abs=2)
    assert picture.shape[0] == pytest.approx(TOP + rows * HEIGHT * SCALE, abs=20)
    lines = places(picture, TRUE)
    assert {*(lines[:, 0] // WIDTH).astype(int).tolist()} == filled
    right = [name for name in names if name.rpartition(' ')[2].startswith('R')]
    if right:  # mirrored: its chest wall is on the right
        first = lines[lines[:, 0] < WIDTH, 0]
        assert first.max() == pytest.approx(WIDTH - TRUTH[0], abs=0.6)


def test_names_tell_the_id_of_the_data_set_and_no_file():
    assert sample_name(view(12)) == 'sample_12'
    assert sample_name(view('a/b ../c')) == 'sample_a_b____c'
    pair = MultiViewDataSample()
    pair.L = view(4)
    assert sample_name(pair) == 'sample_4'
