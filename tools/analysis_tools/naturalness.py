"""Can a classifier tell pasted lesions from real ones?"""
from typing import Iterator, List, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes
from mammo_plugins.apis import loaded_breasts, synthesis_stages
from mammo_plugins.apis.command_line import (add_config_arguments, load_config,
                                             parser, user_errors)
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import SynthesizeMalignancy, warp_patch
from mammo_plugins.evaluation.functional import roc_summary
from mammo_plugins.evaluation.functional.comparison import (format_estimate,
                                                            mean_over_seeds,
                                                            read_draws)
from mammo_plugins.io import write_json
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyMaps

EXAMPLE = ('python tools/analysis_tools/naturalness.py '
           'configs/divf/divf-concatenate_r34_phantom.py '
           '--saliency data/phantom_synthetic/saliency.npz --context 2 '
           '--out work_dirs/naturalness.json')
SIZE = 48  # pixels of a patch
CONTEXT = 2.  # side of a patch in sides of its box


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Train a small network to tell pasted lesions from real ones, for each stage '
        'of Soft-Adapted Malignancy Synthesis. The nearer its AUC on patients that '
        'it has not seen is to 0.5, the more natural what was pasted looks.', EXAMPLE)
    arguments.add_argument('config', help='config file of a DIVF-Net')
    arguments.add_argument(
        '--saliency', required=True, metavar='FILE',
        help='saliency.npz of tools/synthesize.py')
    arguments.add_argument(
        '--beta', type=float, default=0.01,
        help='half width of the Fourier window, 0 to 1 (default: %(default)s)')
    arguments.add_argument(
        '--context', type=float, default=1.,
        help='factor by which the box of a lesion grows before it is cut out; 2 for '
        'boxes that hug the lesion (default: %(default)s, as in the paper)')
    arguments.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2],
        help='of halves, pasting and network (default: 0 1 2)')
    arguments.add_argument(
        '--epochs', type=int, default=60, help='(default: %(default)s)')
    arguments.add_argument('--out', metavar='FILE', help='write the figures as JSON')
    add_config_arguments(arguments)
    args = arguments.parse_args()
    if not 0 <= args.beta <= 1 or args.context <= 0 or args.epochs < 1:
        arguments.error('--beta: from 0 to 1, --context: above 0, --epochs: 1 or more')
    return args


def patch_of(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a lesion with its surroundings out of an image.

    Args:
        image (np.ndarray): (H, W).
        box (np.ndarray): (x1, y1, x2, y2) in its pixels.

    Returns:
        np.ndarray: (SIZE, SIZE) float32, the box in the middle.
    """
    x1, y1, x2, y2 = box
    side = CONTEXT * max(x2 - x1, y2 - y1)
    scale = SIZE / side
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top],
                       [0, 0, 1]])
    return warp_patch(image, matrix, SIZE)


def halves(dataset: ExamDataset, donors: List[int],
           rng: np.random.Generator) -> Iterator[Tuple[List[int], List[int]]]:
    """Yield benign and malignant breasts of each half of the patients."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    giving = sorted({infos[i]['patient_id'] for i in donors})
    others = sorted({info['patient_id'] for info in infos} - set(giving))
    first = {patient for group in (giving, others)  # both halves have donors
             for patient in rng.permutation(group)[:len(group) // 2]}
    for half in (True, False):
        mine = [i for i, info in enumerate(infos)
                if (info['patient_id'] in first) == half]
        yield ([i for i in mine if infos[i]['gt_label'] == 0],
               [i for i in mine if i in donors])


def patches(dataset: ExamDataset, transform: SynthesizeMalignancy,
            benign: List[int], malignant: List[int],
            rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray, List[str]]:
    """Paste each malignant breast's lesion into a benign breast.

    Returns:
        tuple: (n, SIZE, SIZE) patches, half of them the lesions where they were;
        labels, 1 for pasted; and the patients that they show.
    """
    images, labels, patients = [], [], []
    for i, other in zip(malignant, rng.permutation(benign)):
        donor = dataset[i]
        made = transform.synthesize(dataset[int(other)], donor,
                                    int(rng.integers(2**31)))
        for name, facts in made['synthesis'].items():
            for view, label in ((donor['views'][name], 0), (made['views'][name], 1)):
                box = np.array(facts['lesion' if label == 0 else 'region'])
                frame = CanonicalFrame.from_dict(view['canonical_frame'])
                images.append(patch_of(
                    view['img'], transform_boxes(box, frame.matrix)[0]))
                labels.append(label)
                patients.append(view['patient_id'])
    return np.array(images), np.array(labels), patients


def scores(train: Tuple, test: np.ndarray, epochs: int, seed: int) -> np.ndarray:
    """Train a small network and return the chance that patches are pasted."""
    torch.manual_seed(seed)
    mean, std = train[0].mean(), train[0].std()
    x, y = torch.tensor((train[0] - mean) / std)[:, None], torch.tensor(train[1])
    channels = (1, 16, 32, 64)
    net = nn.Sequential(
        *(layer for c, d in zip(channels, channels[1:]) for layer in (
            nn.Conv2d(c, d, 3, padding=1), nn.BatchNorm2d(d), nn.ReLU(),
            nn.MaxPool2d(2))), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(64 * (SIZE // 8)**2, 1))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            batch = x[rows]
            for axis in (2, 3):
                if torch.rand(()) < 0.5:
                    batch = batch.flip(axis)
            loss = F.binary_cross_entropy_with_logits(
                net(batch)[:, 0], y[rows].float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = net.eval()(torch.tensor((test - mean) / std)[:, None])
    return found[:, 0].sigmoid().numpy()


def measure(dataset: ExamDataset, transform: SynthesizeMalignancy,
            seeds: List[int], epochs: int) -> List[dict]:
    """Train on one half of the patients, test on the other, and the reverse."""
    donors = transform.donors(dataset)
    summaries = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        parts = [patches(dataset, transform, *half, rng)
                 for half in halves(dataset, donors, rng)]
        if any(len(set(labels)) < 2 for _, labels, _ in parts):
            raise AnnotationError(f'{dataset.ann_file}: malignant breasts of '
                                  'at least two patients are needed, with lesions '
                                  'that find a place')
        found = [scores(parts[k], parts[1 - k][0], epochs, seed) for k in (0, 1)]
        # scores of two networks are not of one scale: an AUC for each
        summaries += [
            roc_summary(parts[1 - k][1], found[k], parts[1 - k][2], seed=seed)
            for k in (0, 1)
        ]
    return summaries


def main() -> None:
    """Measure each stage and print a table."""
    args = parse_args()
    with user_errors():
        cfg = load_config(args.config, args.cfg_options)
        dataset = loaded_breasts(cfg)
        ways = synthesis_stages(SaliencyMaps.read(args.saliency), args.beta, args.context)
        found = {
            name: measure(dataset, transform, args.seeds, args.epochs)
            for name, transform in tqdm(ways.items(), desc='stages', unit='stage')
        }
        if args.out:
            write_json(args.out, {
                name: [dict(auc=s['auc'], auc_low=s['auc_low'],
                            auc_high=s['auc_high'], counts=s['counts'])
                       for s in summaries] for name, summaries in found.items()})
    counts = next(iter(found.values()))[0]['counts']
    print(f"{counts['positives']} pasted and {counts['negatives']} real patches in a "
          'half of the patients; AUC of telling them apart in the half not learned '
          f'from, mean of both halves and {len(args.seeds)} seeds, 95% interval by '
          'bootstrap over patients:')
    for name, summaries in found.items():
        estimate = mean_over_seeds(
            *zip(*(read_draws(s, ['auc']) for s in summaries)))
        print(f'  {name:12s} {format_estimate(estimate, 0)}')


if __name__ == '__main__':
    main()
