"""Write a model's predictions as detection files, from any number of processes."""

from collections.abc import Iterable

from mmdet.structures import DetDataSample
from mmengine.dist import all_gather_object, barrier, is_main_process

from mammo_plugins.structures.detections import Detections, write_detections
from mammo_plugins.structures.predictions import instances_in_file


def detections_of(samples: Iterable[DetDataSample]) -> dict[int, Detections]:
    """Return detections with boxes in file pixels.

    Args:
        samples (Iterable[DetDataSample]): Predictions with their canonical frames.

    Returns:
        dict[int, Detections]: By ``img_id``.
    """
    found = {}
    for sample in samples:
        instances = instances_in_file(sample)
        boxes = instances.bboxes
        # a box that is clipped to nothing is not a detection
        kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        found[sample.img_id] = boxes[kept], instances.scores[kept]
    return found


def write_shared(found: dict[int, Detections], path: str, info: dict) -> None:
    """Write the detections of all processes to one file, from the main process.

    Args:
        found (dict[int, Detections]): Detections of this process.
        path (str): The file, as in :func:`write_detections`.
        info (dict): Origin of the detections, to store in the file.
    """
    parts = all_gather_object(found)  # a sampler may give an image to two processes
    if is_main_process():
        write_detections(path, {k: v for part in parts for k, v in part.items()}, info)
    barrier()  # no process may read the file before it is written
