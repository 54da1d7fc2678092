"""Predict the detections that a training stage starts from."""

import os.path as osp

import torch
from mmengine.dist import broadcast_object_list, get_rank
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mammo_plugins.engine.detection_files import detections_of, write_shared
from mammo_plugins.structures.detections import Detections


def file_is_there(path: str) -> bool:
    """Return whether the main process sees a file, the same in all processes.

    Args:
        path (str): The file.
    """
    answer = [osp.isfile(path)]
    broadcast_object_list(answer)
    return answer[0]


@torch.no_grad()
def predict_detections(
    model: nn.Module, dataloader: DataLoader, path: str, info: dict
) -> None:
    """Run a detector over a data set and write its detections.

    The processes of a distributed run share the work; the main one writes.

    Args:
        model (nn.Module): Without wrapper; left in evaluation mode.
        dataloader (DataLoader): Test samples with their canonical frames.
        path (str): The file, as in :func:`write_detections`, with boxes in file pixels.
        info (dict): Origin of the detections, to store in the file.
    """
    model.eval()
    found: dict[int, Detections] = {}
    for batch in tqdm(
        dataloader,
        desc=f'detections for {osp.basename(path)}',
        unit='batch',
        disable=get_rank() != 0,
    ):
        found.update(detections_of(model.test_step(batch)))
    write_shared(found, path, info)
