"""From the annotation file to the packed sample of several views."""

import json

import numpy as np
import pycocotools.mask as coco_mask
import pytest
from mmengine.registry import DefaultScope

from mammo_plugins.anatomy import transform_points
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import DrawLesionMap

LOADING = [
    dict(type='LoadMammogram'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='DrawLesionMap'),
    dict(type='ResizeWithin', max_height=100, max_width=50),
]
FLIP = dict(
    type='ForEachView',
    share_random_params=True,
    transforms=[dict(type='RandomFlip', prob=1.0, direction='vertical')],
)


def dataset(root, *steps, ann_file='annotations/train.json'):
    with DefaultScope.overwrite_default_scope('mammo'):
        return ExamDataset(
            data_root=str(root),
            ann_file=ann_file,
            partners=('ipsilateral', 'bilateral'),
            pipeline=[
                dict(type='ForEachView', transforms=LOADING),
                *steps,
                dict(type='PackExamInputs'),
            ],
        )


def test_sample_of_three_views(phantom_root):
    sample = dataset(phantom_root)[0]
    assert list(sample['inputs']) == ['main', 'ipsilateral', 'bilateral']
    names = sample['data_samples'].view_names
    assert names == [k for k, v in sample['inputs'].items() if v is not None]
    main = sample['data_samples'].main
    assert sample['inputs']['main'].shape == (1, *main.img_shape)
    assert main.gt_sem_seg.sem_seg.shape == (1, *main.img_shape)
    for name, key in (('ipsilateral', 'laterality'), ('bilateral', 'view')):
        assert sample['data_samples'].get(name).get(key) == main.get(key)
        assert sample['data_samples'].get(name).img_id != main.img_id


@pytest.mark.parametrize('steps', [(), (FLIP,)])
def test_nipple_and_map_follow_the_image(phantom_root, steps):
    data = dataset(phantom_root, *steps)
    seen = 0
    for i in range(len(data)):
        info = data.get_data_info(i)['views']['main']
        main = data[i]['data_samples'].main
        wanted = transform_points(info['nipple'], main.homography_matrix)
        assert main.nipple == pytest.approx(tuple(wanted))
        assert 0 <= main.nipple[0] <= main.img_shape[1]
        assert main.nipple_source == 'annotation'
        assert main.lesion_pathology == [
            lesion['pathology'] for lesion in info['instances']
        ]
        drawn = main.gt_sem_seg.sem_seg[0].numpy()
        assert set(np.unique(drawn)) <= {0, 1}
        boxes = main.gt_instances.bboxes.numpy()
        assert drawn.any() == bool(len(boxes))
        for x1, y1, x2, y2 in boxes:
            rows, columns = np.nonzero(
                drawn[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
            )
            assert len(rows) > 0.4 * (x2 - x1) * (y2 - y1)
            seen += 1
    assert seen


def test_missing_partner_is_none(phantom_root, tmp_path):
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    first = data['images'][0]
    kept = [
        image
        for image in data['images']
        if image['id'] == first['id'] or image['exam_id'] != first['exam_id']
    ]
    ids = {image['id'] for image in kept}
    data.update(
        images=kept,
        annotations=[a for a in data['annotations'] if a['image_id'] in ids],
    )
    path = tmp_path / 'holes.json'
    path.write_text(json.dumps(data))
    sample = dataset(phantom_root, ann_file=str(path))[0]
    assert sample['inputs']['ipsilateral'] is None
    assert sample['inputs']['bilateral'] is None
    assert sample['data_samples'].view_names == ['main']


class TestDrawLesionMap:
    shape = (60, 80)

    def draw(self, *instances):
        return DrawLesionMap()(
            dict(
                img=np.zeros(self.shape, np.float32),
                instances=[dict(dict(mask=[], ignore_flag=0), **i) for i in instances],
            )
        )['gt_seg_map']

    def test_polygon_and_rle_agree(self):
        polygon = [[10.0, 10.0, 40.0, 10.0, 40.0, 30.0, 10.0, 30.0]]
        (rle,) = coco_mask.frPyObjects(polygon, *self.shape)
        box = [10, 10, 40, 30]
        drawn = self.draw(dict(bbox=box, mask=polygon))
        assert drawn.sum() == 30 * 20 and drawn[10:30, 10:40].all()
        assert np.array_equal(drawn, self.draw(dict(bbox=box, mask=rle)))

    def test_box_alone_gives_its_ellipse(self):
        drawn = self.draw(dict(bbox=[10, 10, 50, 40]))
        rows, columns = np.indices(self.shape)
        ellipse = (
            ((columns + 0.5 - 30) / 20) ** 2 + ((rows + 0.5 - 25) / 15) ** 2
        ) <= 1
        overlap = (drawn & ellipse).sum() / (drawn | ellipse).sum()
        assert overlap > 0.93
        rows, columns = np.nonzero(drawn)
        assert abs(columns.min() - 10) <= 1 and abs(columns.max() - 49) <= 1
        assert abs(rows.min() - 10) <= 1 and abs(rows.max() - 39) <= 1

    def test_lesions_lie_over_ignored_regions(self):
        crowd = dict(
            bbox=[0, 0, 80, 60],
            ignore_flag=1,
            mask=[[0.0, 0.0, 80.0, 0.0, 80.0, 60.0, 0.0, 60.0]],
        )
        lesion = dict(
            bbox=[20, 20, 30, 30],
            mask=[[20.0, 20.0, 30.0, 20.0, 30.0, 30.0, 20.0, 30.0]],
        )
        drawn = self.draw(lesion, crowd)
        assert (drawn == 1).sum() == 100 and (drawn == 255).sum() == 4700

    def test_normal_view_is_all_zero(self):
        assert not self.draw().any()
