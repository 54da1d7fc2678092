"""Predictions in pixels of the image files."""

from typing import Any

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes


def instances_in_file(sample: Any) -> Any:
    """Return a prediction with its boxes in pixels of the file.

    Boxes outside the breast are dropped (:meth:`CanonicalFrame.inside_breast`).

    Args:
        sample (DetDataSample): A sample with ``pred_instances``, whose boxes are in
            pixels of the canonical image, and ``canonical_frame`` in its metainfo.

    Returns:
        InstanceData: A copy of ``pred_instances`` as NumPy arrays; ``bboxes`` is
        (n, 4) as (x1, y1, x2, y2).

    Raises:
        ValueError: If the sample lacks its frame.
    """
    if 'canonical_frame' not in sample:
        raise ValueError(
            "the test pipeline's PackDetInputs needs 'img_id' and "
            "'canonical_frame' in its meta_keys"
        )
    frame = CanonicalFrame.from_dict(sample.canonical_frame)
    instances = sample.pred_instances.cpu().numpy()
    instances = instances[frame.inside_breast(instances.bboxes)]
    instances.bboxes = transform_boxes(instances.bboxes, frame.inverse)
    return instances
