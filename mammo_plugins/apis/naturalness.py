"""How well a small network distinguishes synthetic lesions from real ones."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, mask_bbox, transform_boxes
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import (
    PasteLesion,
    SynthesizeMalignancy,
    warp_patch,
)
from mammo_plugins.evaluation.functional import roc_summary
from mammo_plugins.evaluation.functional.comparison import (
    format_estimate,
    mean_over_seeds,
    read_draws,
)
from mammo_plugins.io import write_json
from mammo_plugins.structures import AnnotationError, LesionBank
from mammo_plugins.structures.saliency import SaliencyMaps

from .blended_images import BlendedImages, blend_by, blend_by_poisson, loaded_normals
from .synthetic_exams import loaded_breasts, synthesis_stages
from .trained_model import TrainedModel

SIZE = 48  # pixels of a patch
CONTEXT = 2.0  # side of a patch relative to the side of its box


class Patches(NamedTuple):
    """Lesions with their surroundings.

    Attributes:
        images (np.ndarray): (n, SIZE, SIZE).
        labels (np.ndarray): (n, ), 1 for synthetic.
        patients (list[str]): Patient of each patch.
    """

    images: np.ndarray
    labels: np.ndarray
    patients: list[str]


# draws patches of both halves of the patients
Draw = Callable[[np.random.Generator], list[Patches]]


def patch_of(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a lesion with its surroundings out of an image.

    Args:
        image (np.ndarray): (H, W).
        box (np.ndarray): (x1, y1, x2, y2) in its pixels.

    Returns:
        np.ndarray: (SIZE, SIZE) float32, with the box in the middle.
    """
    x1, y1, x2, y2 = box
    side = CONTEXT * max(x2 - x1, y2 - y1)
    scale = SIZE / side
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top], [0, 0, 1]])
    return warp_patch(image, matrix, SIZE)


def halves(
    dataset: ExamDataset, donors: list[int], rng: np.random.Generator
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield benign and malignant breasts of each half of the patients."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    giving = sorted({infos[i]['patient_id'] for i in donors})
    others = sorted({info['patient_id'] for info in infos} - set(giving))
    first = {
        patient
        for group in (giving, others)  # both halves have donors
        for patient in rng.permutation(group)[: len(group) // 2]
    }
    for half in (True, False):
        mine = [
            i for i, info in enumerate(infos) if (info['patient_id'] in first) == half
        ]
        yield (
            [i for i in mine if infos[i]['gt_label'] == 0],
            [i for i in mine if i in donors],
        )


def pasted_patches(
    dataset: ExamDataset, transform: SynthesizeMalignancy, rng: np.random.Generator
) -> list[Patches]:
    """Paste each malignant breast's lesion into a benign breast of its half.

    Half of the patches show the lesions in their original places.
    """
    donors = transform.donors(dataset)
    found = []
    for benign, malignant in halves(dataset, donors, rng):
        images, labels, patients = [], [], []
        for i, other in zip(malignant, rng.permutation(benign)):
            donor = dataset[i]
            made = transform.synthesize(
                dataset[int(other)], donor, int(rng.integers(2**31))
            )
            for name, facts in made['synthesis'].items():
                for view, label in (
                    (donor['views'][name], 0),
                    (made['views'][name], 1),
                ):
                    box = np.array(facts['lesion' if label == 0 else 'region'])
                    frame = CanonicalFrame.from_dict(view['canonical_frame'])
                    images.append(
                        patch_of(view['img'], transform_boxes(box, frame.matrix)[0])
                    )
                    labels.append(label)
                    patients.append(view['patient_id'])
        found.append(Patches(np.array(images), np.array(labels), patients))
    return found


def blended_patches(
    images: BlendedImages,
    paste: PasteLesion,
    blend: Callable[[dict], np.ndarray],
    rng: np.random.Generator,
) -> list[Patches]:
    """Blend as many lesions into normal views as there are real ones.

    Each half of the patients has its real lesions, and blended ones whose view and
    lesion both come from that half.
    """
    names = sorted({record['patient_id'] for record in images.records.values()})
    first = set(rng.permutation(names)[: len(names) // 2])
    by_file = {
        record['file_name']: record['patient_id'] for record in images.records.values()
    }
    found = []
    for half in (True, False):
        lesions = [
            lesion
            for lesion in paste.bank.lesions
            if lesion.file_name in by_file
            and (by_file[lesion.file_name] in first) == half
        ]
        step = copy.copy(paste)
        if lesions:
            step.bank = LesionBank(paste.bank.dataset, lesions, paste.bank.split)
        patches = [
            (patch_of(view['img'], box), 0, view['patient_id'])
            for view, box in images.real_lesions()
            if (view['patient_id'] in first) == half
        ]
        normal = [
            i
            for i in range(len(images.dataset))
            if (
                images.dataset.get_data_info(i)['views']['normal']['patient_id']
                in first
            )
            == half
        ]
        count = len(patches)
        for i in rng.choice(normal, 2 * count) if lesions and normal else ():
            if len(patches) == 2 * count:
                break
            view = step.paste(images.normal(int(i)), int(rng.integers(2**31)))
            if view is not None:
                box = np.array(mask_bbox(view['lesion_mask']))
                patches.append((patch_of(blend(view), box), 1, view['patient_id']))
        pixels, labels, patients = zip(*patches) if patches else ((), (), ())
        found.append(Patches(np.array(pixels), np.array(labels), list(patients)))
    return found


def scores(train: tuple, test: np.ndarray, epochs: int, seed: int) -> np.ndarray:
    """Train a small network and return the probability that patches are synthetic."""
    torch.manual_seed(seed)
    mean, std = train[0].mean(), train[0].std()
    x, y = torch.tensor((train[0] - mean) / std)[:, None], torch.tensor(train[1])
    channels = (1, 16, 32, 64)
    net = nn.Sequential(
        *(
            layer
            for c, d in zip(channels, channels[1:])
            for layer in (
                nn.Conv2d(c, d, 3, padding=1),
                nn.BatchNorm2d(d),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
        ),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * (SIZE // 8) ** 2, 1),
    )
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            batch = x[rows]
            for axis in (2, 3):
                if torch.rand(()) < 0.5:
                    batch = batch.flip(axis)
            loss = F.binary_cross_entropy_with_logits(net(batch)[:, 0], y[rows].float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = net.eval()(torch.tensor((test - mean) / std)[:, None])
    return found[:, 0].sigmoid().numpy()


def looks(patches: list[Patches], label: int) -> dict[str, float]:
    """Return the contrast of lesions and the darkness of their surroundings.

    The box is in the middle of a patch and half as wide. ``contrast`` is
    the mean grey value of the inner lesion minus that of the ring around the box;
    ``seam`` is the tenth percentile of the ring minus that of the area outside it; a
    value below that of real lesions indicates dark seams. Both are means over the
    patches.
    """
    rows, columns = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    radius = np.hypot(rows, columns) / (SIZE / CONTEXT / 2)
    lesion, ring, beyond = (radius < 0.7, (radius > 1.1) & (radius < 1.6), radius > 1.7)
    images = np.concatenate([part.images[part.labels == label] for part in patches])
    return dict(
        contrast=float((images[:, lesion].mean(1) - images[:, ring].mean(1)).mean()),
        seam=float(
            (
                np.percentile(images[:, ring], 10, axis=1)
                - np.percentile(images[:, beyond], 10, axis=1)
            ).mean()
        ),
    )


def measure(draw: Draw, what: str, seeds: list[int], epochs: int) -> dict:
    """Train on one half of the patients and test on the other, and vice versa.

    Args:
        draw (Callable): Draws the patches of both halves.
        what (str): Name of the data set, for error messages.
        seeds (list[int]): Seeds of all random choices.
        epochs (int): Epochs of training.

    Returns:
        dict: ``summaries`` for each seed and half, and the appearance of ``real`` and
            ``synthetic`` lesions.
    """
    summaries, all_parts = [], []
    for seed in seeds:
        parts = draw(np.random.default_rng(seed))
        if any(len(set(part.labels)) < 2 for part in parts):
            raise AnnotationError(
                f'{what}: lesions of at least two patients are '
                'needed, which find a place'
            )
        found = [scores(parts[k], parts[1 - k].images, epochs, seed) for k in (0, 1)]
        # scores of two networks are not on the same scale: one AUC for each
        summaries += [
            roc_summary(parts[1 - k].labels, found[k], parts[1 - k].patients, seed=seed)
            for k in (0, 1)
        ]
        all_parts += parts
    return dict(
        summaries=summaries, real=looks(all_parts, 0), synthetic=looks(all_parts, 1)
    )


def draws_of_stages(
    cfg: Config, saliency: str, beta: float, context: float
) -> tuple[dict[str, Draw], str]:
    """Return the stages of Soft-Adapted Malignancy Synthesis, and the data's name.

    Args:
        cfg (Config): Config of a DIVF-Net.
        saliency (str): ``saliency.npz`` of mammo synthesize.
        beta (float): Half width of the Fourier window, 0 to 1.
        context (float): Factor by which the box of a lesion grows.
    """
    dataset = loaded_breasts(cfg)
    ways = synthesis_stages(SaliencyMaps.read(saliency), beta, context=context)
    return {
        name: partial(pasted_patches, dataset, transform)
        for name, transform in ways.items()
    }, dataset.ann_file


def draws_of_blends(
    cfg: Config, generators: dict[str, tuple[Config, TrainedModel]]
) -> tuple[dict[str, Draw], str]:
    """Return functions that draw lesions, by name, and the name of the data.

    Args:
        cfg (Config): Config of the data.
        generators (dict[str, tuple]): Config and trained model by name.
    """
    images = BlendedImages(*loaded_normals(cfg))
    draws = {
        'pasted': partial(
            blended_patches, images, images.paste, lambda view: view['pasted_img']
        ),
        'Poisson': partial(blended_patches, images, images.paste, blend_by_poisson),
    }
    for name, (other, generator) in generators.items():
        others = BlendedImages(*loaded_normals(other))
        draws[name] = partial(
            blended_patches, others, others.paste, blend_by(generator)
        )
    return draws, images.dataset.ann_file


def report(
    draws: dict[str, Draw],
    what: str,
    seeds: list[int],
    epochs: int,
    out: str | None = None,
) -> None:
    """Evaluate each method, print a table and write the figures.

    Args:
        draws (dict[str, Callable]): Functions that draw the patches of both halves, by
            method.
        what (str): Name of the data set, for error messages.
        seeds (list[int]): Seeds of all random choices.
        epochs (int): Epochs of training.
        out (str, optional): The JSON to write. Defaults to ``None``.
    """
    found = {
        name: measure(draw, what, seeds, epochs)
        for name, draw in tqdm(draws.items(), desc='ways', unit='way')
    }
    if out:
        write_json(
            out,
            {
                name: dict(
                    real=one['real'],
                    synthetic=one['synthetic'],
                    summaries=[
                        dict(
                            auc=s['auc'],
                            auc_low=s['auc_low'],
                            auc_high=s['auc_high'],
                            counts=s['counts'],
                        )
                        for s in one['summaries']
                    ],
                )
                for name, one in found.items()
            },
        )
    counts = next(iter(found.values()))['summaries'][0]['counts']
    print(
        f'{counts["positives"]} synthetic and {counts["negatives"]} real patches '
        'in a half of the patients; AUC of distinguishing them in the half not '
        f'used for training, mean of both halves and {len(seeds)} seeds, 95% '
        'interval by bootstrap over patients; contrast of lesions and darkness '
        'around them (grey values from 0 to 1):'
    )
    print('| lesions | AUC | contrast | seam |\n|---|---|---|---|')
    real = next(iter(found.values()))['real']
    print(f'| real | – | {real["contrast"]:.3f} | {real["seam"]:+.3f} |')
    for name, one in found.items():
        estimate = mean_over_seeds(
            *zip(*(read_draws(s, ['auc']) for s in one['summaries']))
        )
        look = one['synthetic']
        print(
            f'| {name} | {format_estimate(estimate, 0)} | {look["contrast"]:.3f} | '
            f'{look["seam"]:+.3f} |'
        )
