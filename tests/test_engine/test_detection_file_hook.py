"""Detections of a test as a file."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.engine.hooks import DetectionFileHook
from mammo_plugins.structures import read_detections

RUNNER = SimpleNamespace(experiment_name='a test', logger=MagicMock())


PIXELS = np.zeros((60, 40), np.float32)
PIXELS[5:55, 10:] = 1.0  # a breast that hangs on the right border
FRAME = CanonicalFrame.of(PIXELS, margin=0)


def detected(img_id, boxes, scores):
    """A detector's answer."""
    return DetDataSample(
        metainfo=dict(img_id=img_id, canonical_frame=FRAME.to_dict()),
        pred_instances=InstanceData(
            bboxes=torch.tensor(boxes).reshape(-1, 4), scores=torch.tensor(scores)
        ),
    )


def test_the_file_holds_what_was_detected_in_file_pixels(tmp_path):
    path = tmp_path / 'sub/test.json'
    hook = DetectionFileHook(str(path))
    for once in range(2):  # a second test starts anew
        hook.before_test_epoch(RUNNER)
        hook.after_test_iter(
            RUNNER,
            0,
            outputs=[
                detected(
                    7 + once,
                    [[1.0, 10.0, 6.0, 20.0], [2.0, 30.0, 4.0, 33.0]],
                    [0.3, 0.8],
                )
            ],
        )
        hook.after_test_iter(RUNNER, 1, outputs=[detected(9, [], [])])
        hook.after_test_epoch(RUNNER, metrics={})
    found = read_detections(path)
    assert set(found) == {8, 9} and len(found[9][0]) == 0
    boxes, scores = found[8]
    assert scores.tolist() == np.float32([0.8, 0.3]).tolist()
    # mirrored, and rows above the breast are cut off
    top = FRAME.image_to_canonical(np.indices(PIXELS.shape)[0].astype(np.float32))[0, 0]
    assert top > 0
    np.testing.assert_allclose(
        boxes,
        [[36.0, 30.0 + top, 38.0, 33.0 + top], [34.0, 10.0 + top, 39.0, 20.0 + top]],
    )
