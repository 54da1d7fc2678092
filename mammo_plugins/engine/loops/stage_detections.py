"""Detections that a stage of training starts from."""
import os.path as osp
from typing import Dict

import torch
from mmengine.dist import (all_gather_object, barrier, broadcast_object_list,
                           get_rank, is_main_process)
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mammo_plugins.structures.detections import Detections, write_detections
from mammo_plugins.structures.predictions import instances_in_file


def file_is_there(path: str) -> bool:
    """Return whether the main process sees a file; all processes agree.

    Args:
        path (str): The file.
    """
    answer = [osp.isfile(path)]
    broadcast_object_list(answer)
    return answer[0]


@torch.no_grad()
def predict_detections(model: nn.Module, dataloader: DataLoader, path: str,
                       info: dict) -> None:
    """Run a detector over a data set and write its detections.

    The processes of a distributed run share the work; the main one writes.

    Args:
        model (nn.Module): Without wrapper; left in evaluation mode.
        dataloader (DataLoader): Of test samples with their canonical frames.
        path (str): The file, as of :func:`write_detections`, boxes in file pixels.
        info (dict): What the file says of its origin.
    """
    model.eval()
    found: Dict[int, Detections] = {}
    for batch in tqdm(dataloader, desc=f'detections for {osp.basename(path)}',
                      unit='batch', disable=get_rank() != 0):
        for sample in model.test_step(batch):
            instances = instances_in_file(sample)
            boxes = instances.bboxes
            # a box clipped to nothing is no detection
            kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
            found[sample.img_id] = boxes[kept], instances.scores[kept]
    parts = all_gather_object(found)  # a sampler may give an image to two processes
    if is_main_process():
        write_detections(path, {k: v for part in parts for k, v in part.items()},
                         info)
    barrier()  # none reads before it is written
