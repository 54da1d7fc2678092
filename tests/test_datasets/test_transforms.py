"""From the file to the network's input, and back."""

import json
import warnings

import cv2
import numpy as np
import pycocotools.mask as coco_mask
import pytest
from mmdet.datasets.transforms import (
    FilterAnnotations,
    LoadAnnotations,
    PackDetInputs,
    RandomFlip,
    Resize,
)
from mmengine.logging import MMLogger
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes, transform_points
from mammo_plugins.datasets.transforms import (
    ForEachView,
    LoadMammogram,
    RandomIntensity,
    ResizeWithin,
    SelectView,
    segmentation_to_canonical,
)
from mammo_plugins.models import MammogramDataPreprocessor
from mammo_plugins.structures import AnnotationError

HEIGHT, WIDTH = 240, 160


def write_dicom(path, stored, laterality='L', study=None):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = '1.2.840.10008.5.1.4.1.1.1.2'
    ds.SOPInstanceUID, ds.StudyInstanceUID = generate_uid(), study or generate_uid()
    ds.Modality, ds.ImageLaterality, ds.ViewPosition = 'MG', laterality, 'CC'
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.Rows, ds.Columns = stored.shape
    ds.PixelData = stored.astype('<u2').tobytes()
    dcmwrite(path, ds, enforce_file_format=True)


@pytest.fixture(params=['L', 'R'])
def sample(tmp_path, request):
    """A breast with a box, a polygon, an RLE mask and a nipple, in file pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    wall = 0 if request.param == 'L' else WIDTH
    breast = (x - wall) ** 2 + ((y - 110) / 1.2) ** 2 < 75**2
    stored = np.where(breast, 1500 + 5 * y, 0).astype(np.uint16)
    path = tmp_path / 'view.dcm'
    write_dicom(path, stored, request.param)
    left = 20 if request.param == 'L' else 105
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[90:120, left : left + 35] = 1
    rle = coco_mask.encode(np.asfortranarray(mask))
    rle['counts'] = rle['counts'].decode()
    polygon = [left, 90, left + 35, 90, left + 35, 120, left, 120]
    box = [left, 90.0, left + 35, 120.0]
    return (
        dict(
            img_path=str(path),
            img_id=0,
            nipple=(float(left), 100.0),
            instances=[
                dict(
                    bbox=list(box),
                    bbox_label=0,
                    ignore_flag=0,
                    mask=[[float(v) for v in polygon]],
                ),
                dict(bbox=list(box), bbox_label=0, ignore_flag=0, mask=rle),
            ],
        ),
        np.array(box),
        mask,
    )


def run(results, *transforms):
    results = json.loads(json.dumps(results))  # a copy
    for transform in transforms:
        results = transform.transform(results)
    return results


PIPELINES = {
    'load': [],
    'no crop': [LoadMammogram(crop=False)],
    'shrink': [ResizeWithin(max_height=100, max_width=60)],
    'enlarge': [Resize(scale=(500, 900), keep_ratio=True)],
    'flip': [RandomFlip(1.0, 'horizontal')],
    'flip vertically': [RandomFlip(1.0, 'vertical')],
    'flip both and shrink': [
        RandomFlip(1.0, 'diagonal'),
        ResizeWithin(max_height=100, max_width=60),
    ],
}


@pytest.mark.parametrize('name', PIPELINES)
def test_round_trip_of_boxes_points_and_masks(sample, name):
    results, box, mask = sample
    steps = list(PIPELINES[name])
    load = (
        steps.pop(0)
        if steps and isinstance(steps[0], LoadMammogram)
        else LoadMammogram()
    )
    out = run(results, load, LoadAnnotations(with_bbox=True, with_mask=True), *steps)
    to_file = np.linalg.inv(out['homography_matrix'].astype(float))
    # boxes
    boxes = out['gt_bboxes'].tensor.numpy()
    np.testing.assert_allclose(transform_boxes(boxes, to_file), [box, box], atol=1e-3)
    # points: the file's nipple goes through the homography and comes back
    nipple = np.array(results['nipple'])
    inside = transform_points(nipple, out['homography_matrix'])
    np.testing.assert_allclose(transform_points(inside, to_file), nipple, atol=1e-3)
    assert boxes[0][0] - 1e-3 <= inside[0] <= boxes[0][2] + 1e-3
    # masks: where the mask is now, seen from the file, is where it was
    for bitmap in out['gt_masks'].to_ndarray():
        assert bitmap.shape == out['img'].shape
        ys, xs = np.nonzero(bitmap)
        around = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        back = transform_boxes(around, to_file)[0]
        pixel = np.abs(np.diag(to_file)[:2]).max()
        np.testing.assert_allclose(back, box, atol=1.01 * pixel)
    # pixels: the image under the box is the image that was under it
    x1, y1, x2, y2 = np.rint(boxes[0]).astype(int)
    inner = out['img'][y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
    assert abs(inner.mean() - (1500 + 5 * 105) / 4095) < 0.01


def test_predictions_come_back_through_the_canonical_frame(sample):
    """What mmdet rescales to ori_shape, the frame's inverse brings to the file."""
    results, box, _ = sample
    out = run(
        results,
        LoadMammogram(),
        LoadAnnotations(with_bbox=True),
        ResizeWithin(max_height=100, max_width=60),
    )
    assert out['ori_shape'] == CanonicalFrame.from_dict(out['canonical_frame']).shape
    scale = np.tile(out['scale_factor'], 2)
    rescaled = out['gt_bboxes'].tensor.numpy() / scale
    frame = CanonicalFrame.from_dict(out['canonical_frame'])
    np.testing.assert_allclose(
        transform_boxes(rescaled, frame.inverse), [box, box], atol=1e-3
    )


def test_size_of_another_file_is_refused(sample):
    results = dict(sample[0], width=WIDTH, height=HEIGHT)
    run(results, LoadMammogram())
    with pytest.raises(AnnotationError, match='is 160 x 240 .* states 161 x 240'):
        run(dict(results, width=WIDTH + 1), LoadMammogram())


def test_what_pydicom_warns_of_is_said_once(tmp_path, caplog):
    """Not once a file and epoch, with values of the header."""
    load = LoadMammogram()
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for i in range(3):
            write_dicom(
                tmp_path / f'{i}.dcm',
                np.arange(4096).reshape(64, 64),
                study=f'1.2.0{i}.77',
            )
        warnings.simplefilter('error')
        for i in range(3):
            load.transform(dict(img_path=str(tmp_path / f'{i}.dcm')))
    logger.removeHandler(caplog.handler)
    (line,) = [r.getMessage() for r in caplog.records if 'pydicom' in r.getMessage()]
    assert line == (
        f'{tmp_path}/0.dcm: pydicom warns: Invalid value for VR UI; '
        'further such files are not named'
    )


def test_boxes_off_the_crop_are_not_trained_on(sample):
    results = sample[0]
    results['instances'] = [
        dict(bbox=[70.0, 230.0, 90.0, 239.0], bbox_label=0, ignore_flag=0)
    ]
    out = run(
        results,
        LoadMammogram(),
        LoadAnnotations(with_bbox=True),
        ResizeWithin(),
        FilterAnnotations((1, 1), keep_empty=False),
    )
    assert len(out['gt_bboxes']) == 0


def test_masks_by_brute_force(sample):
    results, _, mask = sample
    frame = CanonicalFrame.from_dict(run(results, LoadMammogram())['canonical_frame'])
    expected = frame.image_to_canonical(mask)
    height, width = frame.shape
    for instance in results['instances']:
        mapped = segmentation_to_canonical(instance['mask'], frame)
        if isinstance(mapped, list):
            mapped = coco_mask.merge(coco_mask.frPyObjects(mapped, height, width))
        np.testing.assert_array_equal(coco_mask.decode(mapped), expected)


@pytest.mark.parametrize('cached', [False, True])
def test_4096_grey_levels_reach_the_network(tmp_path, cached):
    stored = np.zeros((HEIGHT, WIDTH), np.uint16)
    levels = np.arange(4096, dtype=np.uint16)
    stored[60:188, :32] = levels.reshape(128, 32)
    # a bright rim makes it a breast; it is not part of what is counted
    stored[60:188, 32:80] = 4095
    path = tmp_path / 'levels.dcm'
    write_dicom(path, stored)
    load = LoadMammogram(cache_dir=str(tmp_path / 'cache') if cached else None)
    for _ in range(1 + cached):  # the second time from the cache
        packed = run(
            dict(img_path=str(path), img_id=0, instances=[]),
            load,
            ResizeWithin(),
            LoadAnnotations(with_bbox=True),
            PackDetInputs(meta_keys=('img_id',)),
        )
        batch = MammogramDataPreprocessor(num_channels=3)(
            dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
        )['inputs']
        assert batch.shape[1] == 3
        values = np.unique(batch[0, 0].numpy())
        np.testing.assert_allclose(values, np.arange(4096) / 4095, atol=1e-5)


def test_resize_keeps_the_aspect_and_never_enlarges():
    for shape, expected in [
        ((4000, 1000), (3000, 750)),
        ((3000, 2000), (2250, 1500)),
        ((500, 200), (500, 200)),
    ]:
        out = ResizeWithin(3000, 1500).transform(dict(img=np.zeros(shape, np.float32)))
        assert out['img'].shape == out['img_shape'] == expected


def test_share_of_random_draws_keeps_partners_in_step():
    rng = np.random.default_rng(0)
    image = rng.random((32, 16), np.float32)
    shared = ForEachView(
        [
            dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
            dict(type='RandomIntensity', prob=1.0),
        ],
        share_random_params=True,
    )
    alone = ForEachView([dict(type='RandomFlip', prob=0.5)])
    seen, apart = set(), 0
    for seed in range(40):
        np.random.seed(seed)
        views = shared.transform(
            dict(views=dict(main=dict(img=image), ipsilateral=dict(img=image)))
        )
        main, ipsi = (views['views'][k]['img'] for k in ('main', 'ipsilateral'))
        np.testing.assert_array_equal(main, ipsi)
        seen.add(main.tobytes())
        views = alone.transform(
            dict(views=dict(main=dict(img=image), ipsilateral=dict(img=image)))
        )
        apart += views['views']['main']['flip'] != views['views']['ipsilateral']['flip']
    assert len(seen) == 40
    assert 8 < apart < 32


def test_only_the_named_views_are_transformed():
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    step = ForEachView([dict(type='RandomFlip', prob=1.0)], views=['bilateral'])
    views = step.transform(
        dict(views=dict(main=dict(img=image), bilateral=dict(img=image)))
    )['views']
    np.testing.assert_array_equal(views['main']['img'], image)
    np.testing.assert_array_equal(views['bilateral']['img'], image[:, ::-1])


def test_select_view_names_what_there_is():
    sample = dict(views=dict(CC=dict(img_id=3)), sample_idx=5)
    assert SelectView('CC').transform(sample) == dict(img_id=3, sample_idx=5)
    with pytest.raises(KeyError, match="no view 'main', only"):
        SelectView().transform(sample)


def test_intensity_by_its_formula():
    image = np.array([[0.0, 0.1, 0.5, 1.0]], np.float32)
    step = RandomIntensity(brightness=0.1, contrast=0.2, gamma=0.3, prob=1.0)
    np.random.seed(4)
    _, brightness, contrast, gamma = step._draw()
    np.random.seed(4)
    out = step.transform(dict(img=image))['img']
    expected = np.clip(contrast * (image**gamma - 0.5) + 0.5 + brightness, 0, 1)
    expected[image == 0] = 0  # background stays
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    assert out.dtype == np.float32
    same = RandomIntensity(prob=0.0).transform(dict(img=image))['img']
    np.testing.assert_array_equal(same, image)


def test_16_bit_pictures_keep_their_levels(tmp_path):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    breast = x**2 + (y - 110) ** 2 < 75**2
    levels = np.where(breast, 30000 + 7 * x + 11 * y, 0).astype(np.uint16)
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, levels)
    image, frame = LoadMammogram(crop=False).load(path)
    np.testing.assert_array_equal(np.rint(image * 65535), levels)


def test_the_margin_is_a_share_of_the_height(tmp_path):
    """A scan of four times as many pixels is cropped to four times as many."""
    y, x = np.mgrid[:1024, :700]
    pixels = (40000 * (np.hypot(x, y - 512) < 300)).astype(np.uint16)
    shapes = []
    for scale in (1, 4):
        path = str(tmp_path / f'{scale}.png')
        cv2.imwrite(path, np.kron(pixels, np.ones((scale, scale), np.uint16)))
        image, frame = LoadMammogram().load(path)
        tight, _ = LoadMammogram(margin=0).load(path)
        assert image.shape[1] == tight.shape[1] + 16 * scale
        shapes.append(np.array(image.shape) / scale)
    assert np.abs(shapes[0] - shapes[1]).max() <= 1
    for wrong in (8, -0.1):
        with pytest.raises(ValueError, match='a share of the image'):
            LoadMammogram(margin=wrong)


def test_depth_of_pictures_can_be_stated(tmp_path):
    levels = np.zeros((HEIGHT, WIDTH), np.uint16)
    levels[50:200, :60] = 900  # a dark image of a 12-bit data set
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, levels)
    cache = str(tmp_path / 'cache')
    for bits, full in ((None, 1023), (12, 4095)):
        image, _ = LoadMammogram(cache, crop=False, bits_stored=bits).load(path)
        assert image.max() == pytest.approx(900 / full, abs=1e-4)
