"""Helpers to try models without data: noise exams, processes (as ``mmdet.testing``)."""

import datetime
import socket
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmdet.structures import DetDataSample
from torch import Tensor

from mammo_plugins.anatomy import Registration
from mammo_plugins.anatomy.contour_fit import ANGLES
from mammo_plugins.structures import EXAM_VIEWS, other_laterality, other_view
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


def demo_exam(size: Sequence[int], seed: int = 0) -> dict[str, Tensor]:
    """Return the four images of an exam, filled with noise.

    Args:
        size (Sequence[int]): (height, width) in pixels.
        seed (int): Defaults to 0.

    Returns:
        dict[str, Tensor]: (1, H, W) in [0, 1] by view.
    """
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(1, *size, generator=generator) for name in EXAM_VIEWS}


def _view(name: str, image: Tensor) -> DetDataSample:
    height, width = image.shape[1:]
    return DetDataSample(
        metainfo=dict(
            img_id=EXAM_VIEWS.index(name),
            img_shape=(height, width),
            ori_shape=(height, width),
            scale_factor=(1.0, 1.0),
            homography_matrix=np.eye(3),
            pixel_spacing_mm=(0.1, 0.1),
            nipple=(0.8 * width, 0.5 * height),
            laterality=name[0],
            view=name[1:],
            fingerprint=zlib.crc32(image.numpy()),
        )
    )


def demo_single_view_inputs(images: dict[str, Tensor]) -> list[dict]:
    """Return each view of an exam as a separate packed sample.

    Args:
        images (dict[str, Tensor]): From :func:`demo_exam`.

    Returns:
        list[dict]: ``inputs`` and ``data_samples``, ready to collate.
    """
    return [
        dict(inputs=image, data_samples=_view(name, image))
        for name, image in images.items()
    ]


def demo_registration(
    shape: Sequence[int], shift: Sequence[float] = (0.0, 0.0)
) -> Registration:
    """Return a registration of images that differ by a shift.

    Args:
        shape (Sequence[int]): (H, W).
        shift (Sequence[float]): (x, y) in pixels, which moves the other image onto the
            main one. Defaults to none.
    """
    affine = np.eye(2, 3)
    affine[:, 2] = shift
    return Registration(
        tuple(shape), 'warped', None, affine, shape[0] / 2, np.ones(len(ANGLES))
    )


def demo_tri_view_inputs(
    images: dict[str, Tensor], register_features: bool = False
) -> list[dict]:
    """Return each view of an exam as a packed sample with its partners.

    Args:
        images (dict[str, Tensor]): From :func:`demo_exam`. All have the same size, so
            that the other breast counts as registered.
        register_features (bool): Whether samples are for a :class:`BiDualNet` that
            registers features. Defaults to False.

    Returns:
        list[dict]: ``inputs`` and ``data_samples``, ready to collate.
    """
    samples = []
    for name in images:
        side, view = name[0], name[1:]
        partners = dict(
            main=name,
            ipsilateral=side + other_view(view),
            bilateral=other_laterality(side) + view,
        )
        sample = MultiViewDataSample()
        for role, partner in partners.items():
            if partner in images:
                sample.set_data({role: _view(partner, images[partner])})
        if 'bilateral' in sample:
            sample.bilateral.set_metainfo(dict(registration='warped'))
            if register_features:
                _tell_places(sample.main, sample.bilateral)
        samples.append(
            dict(
                inputs={
                    role: images.get(partner) for role, partner in partners.items()
                },
                data_samples=sample,
            )
        )
    return samples


def _tell_places(main: DetDataSample, other: DetDataSample) -> None:
    """Set metainfo as ``RegisterContralateral(register_features=True)`` and packing."""
    shape = main.img_shape
    maps = demo_registration(shape).coarse_maps()
    main.contralateral_maps = torch.from_numpy(maps)
    main.set_metainfo(dict(registered_shape=shape))
    for view in (main, other):
        view.set_metainfo(dict(moved_since_registration=np.eye(3)))


def train_in_two_processes(
    train: Callable[[int], torch.nn.Module], folder: str | Path
) -> tuple[list[Tensor], list[Tensor]]:
    """Run distributed training on the CPU; return the parameters of both processes.

    Args:
        train (callable): Accepts the rank and returns the trained model. Must be a
            module-level function, so that new processes find it.
        folder (str | Path): Folder for the parameters.
    """
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    # forked with the libraries already loaded, if the caller has asked for that
    mp.start_processes(
        _train_one, (train, port, str(folder)), nprocs=2, start_method='forkserver'
    )
    return tuple(
        torch.load(Path(folder) / f'{rank}.pth', weights_only=True) for rank in (0, 1)
    )


def _train_one(
    rank: int, train: Callable[[int], torch.nn.Module], port: int, folder: str
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=60),
    )
    model = train(rank)
    torch.save([p.detach() for p in model.parameters()], f'{folder}/{rank}.pth')
    dist.destroy_process_group()
