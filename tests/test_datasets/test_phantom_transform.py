"""Lesion-free pixels of the phantom."""

import json

import numpy as np
import pytest
from mmdet.datasets.transforms import Resize

from mammo_plugins.datasets.transforms import (
    LoadMammogram,
    LoadPhantomNormal,
    WithCleanImage,
)
from mammo_plugins.phantom import (
    PhantomConfig,
    PhantomDatasetConfig,
    PhantomFolderError,
    write_phantom_dataset,
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'phantom'
    write_phantom_dataset(
        folder,
        PhantomDatasetConfig(
            exams=4,
            seed=4,
            split=(1.0, 0.0, 0.0),  # with a sigmoid window
            phantom=PhantomConfig(size=(128, 64), prevalence=1.0),
        ),
    )
    return folder


def views(root):
    data = json.loads((root / 'annotations/train.json').read_text())
    for image in data['images']:
        lesions = [
            a['bbox'] for a in data['annotations'] if a['image_id'] == image['id']
        ]
        yield dict(img_path=str(root / image['file_name'])), lesions, image


def test_pixels_differ_at_lesions_alone(root, tmp_path):
    step = LoadMammogram(cache_dir=str(tmp_path))
    found = 0
    for view, lesions, image in views(root):
        view = LoadPhantomNormal()(step(view))
        image_, clean = view['img'], view['clean_img']
        assert image_.shape == clean.shape
        changed = view['synthetic_mask'] > 0
        np.testing.assert_array_less(np.abs(image_ - clean)[~changed], 2.51e-3)
        if not lesions:
            assert not changed.any()
            continue
        found += 1
        # in pixels of the file; the lesion's foot is wider than its box
        to_file = np.linalg.inv(view['homography_matrix'])
        rows, columns = np.nonzero(np.abs(image_ - clean) > 0.05)
        x, y, _ = to_file @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
        inside = np.zeros(len(x), bool)
        for left, top, width, height in lesions:
            inside |= (
                (x > left - 4)
                & (x < left + width + 4)
                & (y > top - 4)
                & (y < top + height + 4)
            )
        assert len(x) and inside.mean() > 0.95
        assert (image_ - clean)[rows, columns].mean() > 0
    assert found


def test_resized_alike(root):
    view, _, _ = next(views(root))
    load = LoadPhantomNormal()(LoadMammogram()(view))
    clean, expected = load['clean_img'], Resize(scale=(32, 64), keep_ratio=False)
    made = WithCleanImage([Resize(scale=(32, 64), keep_ratio=False)])(dict(load))
    np.testing.assert_allclose(
        made['clean_img'], expected(dict(load, img=clean))['img'], atol=1e-6
    )


def test_other_data_are_refused(root, tmp_path):
    view, _, _ = next(views(root))
    view = LoadMammogram()(view)
    with pytest.raises(PhantomFolderError, match='no lesion-free pixels'):
        LoadPhantomNormal()(dict(view, img_path=str(tmp_path / 'a/b/c.dcm')))
