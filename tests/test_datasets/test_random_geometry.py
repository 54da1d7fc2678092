"""Breasts are not registered behind a step that moves pixels randomly."""

import json

import numpy as np
import pytest
from mmcv.transforms import BaseTransform, Compose

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import RegisterContralateral, RegisterSides
from mammo_plugins.datasets.transforms.random_geometry import (
    check_registration,
    random_geometry,
)
from mammo_plugins.registry import TRANSFORMS

FLIP = dict(type='mmdet.RandomFlip', prob=1.0, direction='vertical')
CROP = dict(type='mmdet.RandomCrop', crop_size=(48, 24))
RESIZE = dict(
    type='RandomResize',
    scale=(32, 64),
    ratio_range=(0.5, 2.0),
    resize_type='mammo.Resize',
)
SAFE = [
    dict(type='mammo.Resize', scale=(32, 64)),
    dict(type='mammo.RandomIntensity'),
    dict(type='mmdet.RandomErasing', n_patches=1, ratio=0.1),
    dict(type='mmdet.RandomFlip', prob=0.0),
]
CONTRALATERAL, SIDES = dict(type='RegisterContralateral'), dict(type='RegisterSides')


class Jitter(BaseTransform):
    """One that no list knows; it keeps homography_matrix up, as mmdet's do."""

    def transform(self, results):
        moved = np.eye(3)
        moved[0, 2] = np.random.randint(1, 4)
        results['homography_matrix'] = moved @ results['homography_matrix']
        return results


class RandomRotation(BaseTransform):
    def transform(self, results):
        return results


class Tilt(RandomRotation):
    """A child of a random one."""


def each(*steps, **settings):
    return dict(type='ForEachView', transforms=list(steps), **settings)


def build(*steps):
    with TRANSFORMS.switch_scope_and_registry('mammo'):
        return [
            TRANSFORMS.build(step) if isinstance(step, dict) else step for step in steps
        ]


NESTED = [
    (each(FLIP), 'ForEachView > RandomFlip'),
    (each(FLIP, share_random_params=True), 'ForEachView > RandomFlip'),
    (each(*SAFE, CROP), 'ForEachView > RandomCrop'),
    (each(RESIZE), 'ForEachView > RandomResize'),
    (
        each(dict(type='RandomApply', transforms=[CROP], prob=0.01)),
        'ForEachView > RandomApply > RandomCrop',
    ),
    (
        each(dict(type='RandomChoice', transforms=[[SAFE[0]], [SAFE[0], FLIP]])),
        'ForEachView > RandomChoice > RandomFlip',
    ),
    (
        dict(type='RandomApply', transforms=[each(FLIP)]),
        'RandomApply > ForEachView > RandomFlip',
    ),
    (
        each(dict(type='WithCleanImage', transforms=[CROP])),
        'ForEachView > WithCleanImage > RandomCrop',
    ),
    (
        each(dict(type='mmdet.RandAugment', aug_space=[[dict(type='mmdet.ShearX')]])),
        'ForEachView > RandAugment > ShearX',
    ),
    (each(dict(type='mmdet.RandomAffine')), 'ForEachView > RandomAffine'),
    (each(dict(type='mmdet.Expand')), 'ForEachView > Expand'),
    (each(dict(type='mmdet.MinIoURandomCrop')), 'ForEachView > MinIoURandomCrop'),
    (each(dict(type='RandomCropPatch', size=8)), 'ForEachView > RandomCropPatch'),
    (each(RandomRotation()), 'ForEachView > RandomRotation'),
    (each(Tilt()), 'ForEachView > Tilt'),
]


@pytest.mark.parametrize('step,where', NESTED)
def test_it_is_found_wherever_it_stands(step, where):
    steps = build(each(*SAFE), step, CONTRALATERAL)
    found = random_geometry(steps[1])
    assert found == where
    with pytest.raises(ValueError) as error:
        check_registration(steps)
    text = str(error.value)
    assert text.startswith('RegisterContralateral: pipeline[1] (')
    assert where in text and 'move the random step behind it' in text
    # in a pipeline within the pipeline, too
    with pytest.raises(ValueError, match='RegisterContralateral'):
        check_registration([Compose(steps)])


@pytest.mark.parametrize(
    'steps',
    [
        [each(*SAFE), CONTRALATERAL, each(FLIP, CROP, share_random_params=True)],
        [each(*SAFE), SIDES, each(dict(type='RandomIntensity'))],
        [each(FLIP)],
    ],
)
def test_what_may_be_random(steps):
    check_registration(build(*steps))


@pytest.mark.parametrize('steps', [[SIDES, each(FLIP)], [each(FLIP), SIDES]])
def test_sides_that_are_registered_are_left_where_they_are(steps):
    with pytest.raises(
        ValueError,
        match=r'RegisterSides: pipeline\[.\] .*; remove the '
        'random step',
    ):
        check_registration(build(*steps))


def sample(**views):
    """Two loaded breasts, half discs; of a file of 80 x 70 from (10, 3)."""
    rows, columns = np.indices((64, 32)) + 0.5
    frame = CanonicalFrame(80, 70, (10, 3, 42, 67), True)
    disc = (np.hypot(columns, rows - 32) < 25).astype(np.float32)
    return dict(
        views={
            name: dict(
                img=disc.copy(),
                img_shape=disc.shape,
                img_path=name,
                nipple=None,
                view='CC',
                canonical_frame=frame.to_dict(),
                homography_matrix=frame.matrix.astype('f4'),
            )
            for name in views
        }
    )


@pytest.mark.parametrize(
    'step',
    [
        each(FLIP),
        each(CROP),
        each(RESIZE),
        each(Jitter()),
        each(Jitter(), views=['bilateral']),
    ],
)
def test_a_sample_tells_when_its_pipeline_was_not_checked(step):
    first, second = build(step, CONTRALATERAL)
    np.random.seed(0)
    views = dict(main=1, bilateral=1)
    with pytest.raises(
        ValueError,
        match='RegisterContralateral: .*registered as they '
        'were loaded and resized; move the random step behind it',
    ):
        second(first(sample(**views)))


def test_views_moved_elsewhere_tell_it():
    for change in (dict(flip=True), dict(homography_matrix=np.diag([-1.0, 1.0, 1.0]))):
        moved = sample(RCC=1, LCC=1)
        moved['views']['LCC'].update(change)
        with pytest.raises(ValueError, match='RegisterSides: .*remove the random step'):
            RegisterSides()(moved)


@pytest.mark.parametrize('scale', [(16, 32), (64, 128), (48, 64)])
def test_resized_breasts_are_registered(scale):
    first, second = build(
        each(dict(type='mammo.Resize', scale=scale), dict(type='RandomIntensity')),
        CONTRALATERAL,
    )
    found = second(first(sample(main=1, bilateral=1)))['views']
    assert found['bilateral']['registration'] in ('warped', 'aligned')
    assert isinstance(second, RegisterContralateral)


def test_a_data_set_refuses_it_when_it_is_built(tmp_path):
    views = [
        dict(
            id=k,
            file_name=f'{side}.png',
            width=8,
            height=8,
            exam_id='e',
            patient_id='p',
            laterality=side,
            view='CC',
            pixel_spacing_mm=None,
            nipple=None,
            breast_bbox=None,
            birads=None,
            density=None,
            abnormal=False,
            modality='FFDM',
            source='s',
        )
        for k, side in enumerate('RL')
    ]
    path = tmp_path / 'ann.json'
    path.write_text(
        json.dumps(
            dict(
                info=dict(dataset='toy', converter_version='1', seed=0),
                images=views,
                annotations=[],
                categories=[dict(id=1, name='mass')],
            )
        )
    )
    with pytest.raises(
        ValueError,
        match=r'RegisterContralateral: pipeline\[1\] '
        r'\(ForEachView > RandomFlip\) moves pixels randomly',
    ):
        ExamDataset(
            ann_file=str(path),
            data_root=str(tmp_path),
            lazy_init=True,
            pipeline=[
                dict(type='mammo.ForEachView', transforms=[SAFE[0]]),
                dict(type='mammo.ForEachView', transforms=[FLIP]),
                dict(type='mammo.RegisterContralateral'),
            ],
        )
