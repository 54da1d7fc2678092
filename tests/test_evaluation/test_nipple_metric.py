"""The nipple metric on cases computed by hand."""

import math

import pytest
import torch

from mammo_plugins.evaluation.metrics import NippleMetric


def sample(nipple, points, scores, spacing=(0.5, 0.25), scale=(0.5, 0.1)):
    """``points`` in canonical pixels, ``nipple`` in the network's."""
    return dict(
        nipple=nipple,
        scale_factor=scale,
        pixel_spacing_mm=spacing,
        pred_instances=dict(
            keypoints=torch.tensor(points, dtype=torch.float).reshape(-1, 1, 2),
            scores=torch.tensor(scores),
        ),
    )


def evaluate(*samples, **kwargs):
    metric = NippleMetric(**kwargs)
    for each in samples:
        metric.process({}, [each])
    return {
        key.partition('/')[2]: value
        for key, value in metric.evaluate(len(samples)).items()
    }


def test_millimetres():
    # (10, 10) in the network is (20, 100) in canonical pixels
    found = evaluate(
        sample((10.0, 10.0), [(32, 108)], [0.9]),  # 12 columns, 8 rows: 3 and 4 mm
        sample((10.0, 10.0), [(20, 100), (20, 130)], [0.2, 0.3]),  # the better is off
        sample((10.0, 10.0), [(20, 100.2)], [0.1]),
        sample((10.0, 10.0), [], []),
        sample(None, [(20, 100)], [0.9]),
    )
    assert found == pytest.approx(
        dict(
            mean_mm=(5 + 15 + 0.1) / 3,
            median_mm=5.0,
            within_10mm=2 / 4,
            not_found=1 / 4,
            n_images=4,
            n_unknown=1,
        ),
        rel=1e-4,
    )


def test_pixels_without_spacing():
    found = evaluate(
        sample((10.0, 10.0), [(23, 104)], [0.9], spacing=None),
        sample((10.0, 10.0), [(24, 100)], [0.9]),
    )
    assert found == pytest.approx(
        dict(
            mean_mm=1.0,
            median_mm=1.0,
            within_10mm=1.0,
            mean_px=5.0,
            median_px=5.0,
            not_found=0.0,
            n_images=2,
            n_unknown=0,
        )
    )


def test_limit_is_named():
    found = evaluate(sample((10.0, 10.0), [(32, 108)], [0.9]), within_mm=4)
    assert found['within_4mm'] == 0.0


def test_nothing_known():
    found = evaluate(sample(None, [(20, 100)], [0.9]))
    assert found == dict(n_images=0, n_unknown=1)
    assert not any(math.isnan(value) for value in found.values())
