"""The composition of a malignant image, stage by stage."""

import numpy as np
import pytest
from scipy import ndimage

from mammo_plugins.synthesis import (
    MaskParameters,
    Region,
    SoftMask,
    fourier_adapt,
    gaussian_mask,
    sample_mask_parameters,
    synthesize_malignancy,
)

REGION = (14, 20, 44, 56)
WINDOW = np.s_[20:56, 14:44]
SHAPE = (36, 30)
PARAMETERS = MaskParameters(15.0, 18.0, 7.0)


def tissue(shape, mean, seed):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
    return (mean + 0.03 * field / field.std()).clip(0, 1).astype(np.float32)


@pytest.fixture
def benign():
    return tissue((80, 60), 0.3, seed=0)


@pytest.fixture
def patch():
    lesion = 0.2 * gaussian_mask(SHAPE, (15, 18), 5)
    return tissue(SHAPE, 0.55, seed=1) + lesion


def rows_of_table_2(patch):
    soft = dict(soft_mask=PARAMETERS)
    fourier = dict(fourier_beta=0.01, adapt='malignant')
    return dict(cutmix={}, fourier=fourier, soft=soft, all={**fourier, **soft})


@pytest.mark.parametrize('adapt', ['benign', 'malignant'])
@pytest.mark.parametrize('beta', [None, 0.0, 0.02, 0.3])
@pytest.mark.parametrize('soft', [None, PARAMETERS])
def test_equations(benign, patch, adapt, beta, soft):
    if beta is not None and soft is None and adapt == 'benign':
        with pytest.raises(ValueError, match='changes nothing'):
            synthesize_malignancy(benign, REGION, patch, fourier_beta=beta, adapt=adapt)
        return
    source, target = benign[WINDOW], patch
    if beta is not None and adapt == 'benign':
        source = fourier_adapt(source, patch, beta)
    elif beta is not None:
        target = fourier_adapt(patch, source, beta)
    mask = np.ones(SHAPE) if soft is None else gaussian_mask(SHAPE, (15, 18), 7)
    expected = benign.copy()
    expected[WINDOW] = np.clip(mask * target + (1 - mask) * source, 0, 1)
    before = benign.copy()
    result = synthesize_malignancy(
        benign, REGION, patch, fourier_beta=beta, soft_mask=soft, adapt=adapt
    )
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)
    np.testing.assert_array_equal(benign, before)


def test_the_lesion_is_adapted_by_default(benign, patch):
    arguments = dict(fourier_beta=0.02, soft_mask=PARAMETERS)
    np.testing.assert_array_equal(
        synthesize_malignancy(benign, REGION, patch, **arguments),
        synthesize_malignancy(benign, REGION, patch, adapt='malignant', **arguments),
    )


def test_only_the_region_changes(benign, patch):
    for arguments in rows_of_table_2(patch).values():
        result = synthesize_malignancy(benign, REGION, patch, **arguments)
        changed = result != benign
        assert changed[WINDOW].any()
        changed[WINDOW] = False
        assert not changed.any()


def contour_step(image):
    """Return the mean absolute step across the region's contour."""
    steps = [
        image[20, 14:44] - image[19, 14:44],
        image[55, 14:44] - image[56, 14:44],
        image[20:56, 14] - image[20:56, 13],
        image[20:56, 43] - image[20:56, 44],
    ]
    return np.abs(np.concatenate(steps)).mean()


def test_contours_of_the_stages(benign, patch):
    """What the docstring says of the two readings, on made tissue."""
    steps = {
        name: contour_step(synthesize_malignancy(benign, REGION, patch, **a))
        for name, a in rows_of_table_2(patch).items()
    }
    as_written = contour_step(
        synthesize_malignancy(
            benign,
            REGION,
            patch,
            fourier_beta=0.01,
            soft_mask=PARAMETERS,
            adapt='benign',
        )
    )
    untouched = contour_step(benign)
    assert steps['all'] < steps['soft'] < steps['fourier'] < steps['cutmix']
    assert steps['all'] < 1.5 * untouched
    assert as_written > 0.8 * steps['cutmix'] > 5 * untouched


def test_masks_are_drawn_from_ranges(benign, patch):
    ranges = SoftMask(sigma_range=(0.1, 0.4))
    drawn = sample_mask_parameters(SHAPE, np.random.default_rng(7), ranges)
    results = [
        synthesize_malignancy(benign, REGION, patch, soft_mask=soft, rng=rng)
        for soft, rng in [
            (ranges, np.random.default_rng(7)),
            (drawn, None),
            (ranges, np.random.default_rng(8)),
        ]
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()
    with pytest.raises(ValueError, match='rng'):
        synthesize_malignancy(benign, REGION, patch, soft_mask=ranges)


@pytest.mark.parametrize('row', ['cutmix', 'fourier', 'soft', 'all'])
def test_air_stays_air(benign, patch, row):
    inside = np.ones(benign.shape, bool)
    inside[:, 35:] = False  # the region hangs over the skin
    benign[~inside] = 0
    patch_inside = np.ones(SHAPE, bool)
    patch_inside[:6] = False
    patch[~patch_inside] = 0
    result = synthesize_malignancy(
        benign,
        REGION,
        patch,
        inside=inside,
        patch_inside=patch_inside,
        **rows_of_table_2(patch)[row],
    )
    assert not result[~inside].any()
    # where the patch shows air the breast is kept
    np.testing.assert_array_equal(result[20:26], benign[20:26])
    assert (result[26:56, 14:35] != benign[26:56, 14:35]).mean() > 0.5


@pytest.mark.parametrize('adapt, soft', [('malignant', None), ('benign', PARAMETERS)])
def test_air_is_no_part_of_a_style(benign, patch, adapt, soft):
    """What lies outside the masks, black or white, has no influence inside."""
    inside = np.ones(benign.shape, bool)
    inside[:, 30:] = False
    patch_inside = np.ones(SHAPE, bool)
    patch_inside[:, :5] = False
    results = []
    for air in (0, 1):
        benign[~inside], patch[~patch_inside] = air, air
        results.append(
            synthesize_malignancy(
                benign,
                REGION,
                patch,
                fourier_beta=0.1,
                adapt=adapt,
                soft_mask=soft,
                inside=inside,
                patch_inside=patch_inside,
            )[inside]
        )
    np.testing.assert_array_equal(*results)


def test_the_adapted_lesion_has_the_tissues_mean(benign, patch):
    inside = np.ones(benign.shape, bool)
    inside[:, 30:] = False
    benign[~inside] = 0
    result = synthesize_malignancy(
        benign, REGION, patch, fourier_beta=0.001, adapt='malignant', inside=inside
    )
    expected = patch - patch.mean() + benign[20:56, 14:30].mean()
    np.testing.assert_allclose(result[20:56, 14:30], expected[:, :16], atol=1e-5)


def test_results_are_clipped():
    benign = np.ones((8, 8), np.float32)
    patch = np.zeros((4, 4), np.float32)
    patch[1, 1] = 1
    result = synthesize_malignancy(
        benign, (0, 0, 4, 4), patch, fourier_beta=0.1, adapt='malignant'
    )
    assert result.max() == 1 and result[1, 1] == 1
    np.testing.assert_allclose(result[0, 0], 1 - 1 / 16, atol=1e-6)


@pytest.mark.parametrize('corner', [(0, 0), (79 - 35, 0), (0, 59 - 29), (44, 30)])
def test_regions_at_the_images_border(benign, patch, corner):
    y, x = corner
    result = synthesize_malignancy(benign, (x, y, x + 30, y + 36), patch)
    np.testing.assert_array_equal(result[y : y + 36, x : x + 30], patch)


@pytest.mark.parametrize('size', [(1, 1), (1, 3), (2, 1), (3, 3)])
@pytest.mark.parametrize('row', ['cutmix', 'fourier', 'soft', 'all'])
def test_patches_of_a_few_pixels(benign, patch, size, row):
    arguments = rows_of_table_2(patch)[row]
    if 'soft_mask' in arguments:
        arguments.update(soft_mask=SoftMask(), rng=np.random.default_rng(0))
    height, width = size
    region = Region(5, 6, 5 + width, 6 + height, 1.0)
    result = synthesize_malignancy(benign, region, patch[:height, :width], **arguments)
    assert np.isfinite(result).all() and 0 <= result.min() <= result.max() <= 1
    if row == 'fourier':  # the mean of so small a patch is all of its style
        assert result[6 : 6 + height, 5 : 5 + width].mean() == pytest.approx(
            benign[6 : 6 + height, 5 : 5 + width].mean(), abs=1e-6
        )


@pytest.mark.parametrize('value', [0.0, 0.5, 1.0])
def test_constant_patches(benign, value):
    flat = np.full(SHAPE, value, np.float32)
    result = synthesize_malignancy(
        benign, REGION, flat, fourier_beta=0.2, adapt='malignant'
    )
    np.testing.assert_allclose(result[WINDOW], benign[WINDOW].mean(), atol=1e-6)
    result = synthesize_malignancy(
        benign, REGION, flat, fourier_beta=0.2, soft_mask=PARAMETERS
    )
    assert np.isfinite(result).all()


def test_tiny_and_huge_masks(benign, patch):
    tiny, huge = (
        synthesize_malignancy(
            benign, REGION, patch, soft_mask=MaskParameters(15.5, 18.5, sigma)
        )
        for sigma in (1e-9, 1e9)
    )
    assert list(zip(*np.nonzero(tiny != benign))) == [(38, 29)]
    assert tiny[38, 29] == patch[18, 15]
    np.testing.assert_array_equal(huge, synthesize_malignancy(benign, REGION, patch))


def test_bad_arguments_are_named(benign, patch):
    def check(match, *arguments, **keywords):
        with pytest.raises(ValueError, match=match):
            synthesize_malignancy(*arguments, **keywords)

    check('crop or resize', benign, REGION, patch[1:])
    check('reaches outside the image', benign, (40, 20, 70, 56), patch)
    check("'benign' or 'malignant'", benign, REGION, patch, adapt='both')
    check('beta', benign, REGION, patch, fourier_beta=2, adapt='malignant')
    check(
        'benign_image must be a float', (benign * 255).astype(np.uint8), REGION, patch
    )
    check('malignant_patch must lie', benign, REGION, patch * 4095)
    check('malignant_patch must lie', benign, REGION, patch * np.nan)
    check(
        'inside must be a bool mask', benign, REGION, patch, inside=np.ones(SHAPE, bool)
    )
    check(
        'patch_inside must be a bool mask',
        benign,
        REGION,
        patch,
        patch_inside=np.ones(SHAPE),
    )
    check(
        'inside the breast of both',
        benign,
        REGION,
        patch,
        inside=np.zeros(benign.shape, bool),
    )
