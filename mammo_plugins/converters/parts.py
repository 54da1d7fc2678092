"""Assigning exams to parts."""

from dataclasses import dataclass, field

from mammo_plugins.structures import (
    empty_parts,
    filling_ratios,
    kfold_patients,
    split_patients,
)

from .records import Catalogue, ConversionError, RawView

SPLITS = ('official', 'ratio', 'kfold')


@dataclass(frozen=True)
class Split:
    """How to split the patients.

    Attributes:
        kind (str): 'official', 'ratio' or 'kfold'.
        ratios (dict[str, float]): For 'ratio': shares of 'train', 'val' and 'test'.
        val_share (float): Share of the official training patients that becomes the part
            'val' if the official split has none.
        folds (int): For 'kfold': number of folds.
        seed (int): Seed of the shuffle.
        val_folds (int): For 'kfold': number of folds used for validation, those after
            the held-out fold. Defaults to 0.
    """

    kind: str = 'ratio'
    ratios: dict[str, float] = field(
        default_factory=lambda: dict(train=0.8, val=0.1, test=0.1)
    )
    val_share: float = 0.1
    folds: int = 5
    seed: int = 0
    val_folds: int = 0


def stratum(views: list[RawView]) -> str:
    """Return a patient's stratum, of which each part gets its share."""
    facts = [view.pathology for view in views] + [
        lesion.pathology for view in views for lesion in view.lesions
    ]
    if 'malignant' in facts:
        return 'malignant'
    if any(view.abnormal or view.lesions for view in views):
        return 'abnormal'
    return 'normal'


def assign_parts(catalogue: Catalogue, split: Split) -> dict[str, list[RawView]]:
    """Assign views to annotation files, no patient to two parts.

    If the official split has a patient in both training and test (in CBIS-DDSM, masses
    and calcifications were split separately), the test part stays whole and the
    patient's training views are left out and counted as skips.

    Args:
        catalogue (Catalogue): All views; receives the skips.
        split (Split): How to split the patients.

    Returns:
        dict[str, list[RawView]]: Views by the annotation file's name without suffix:
        'train', 'val', 'test', or 'fold_1/train', 'fold_1/val', ... Parts without views
        are left out; the catalogue's notes list them and the remedy.

    Raises:
        ConversionError: If the official split does not cover every view, or there are
            fewer patients than folds.
    """
    if split.kind == 'official':
        return _official(catalogue, split)
    views = catalogue.views
    names, strata = _strata(views)
    if split.kind == 'ratio':
        members = split_patients(names, split.ratios, split.seed, strata)
        empty = empty_parts(split.ratios, members)
        catalogue.notes += [f'--ratios: {said}' for said in empty]
        shares = filling_ratios(split.ratios, len(set(names))) if empty else {}
        if shares:
            catalogue.notes.append(
                '--ratios '
                + ' '.join(
                    f'{shares.get(part, 0):g}' for part in ('train', 'val', 'test')
                )
                + ' fills each part that is wanted'
            )
        return _deal(views, members)
    try:
        folds = kfold_patients(names, split.folds, split.seed, strata)
    except ValueError as error:
        raise ConversionError(str(error)) from None
    members = {}
    for k, (train, test) in enumerate(folds):
        val = {
            name
            for i in range(1, split.val_folds + 1)
            for name in folds[(k + i) % len(folds)][1]
        }
        members[f'fold_{k + 1}/train'] = [name for name in train if name not in val]
        members[f'fold_{k + 1}/val'] = sorted(val)
        members[f'fold_{k + 1}/test'] = test
    return _deal(views, members)


def _strata(views: list[RawView]) -> tuple[list[str], list[str]]:
    """Return the patients, in order, and the stratum of each."""
    patients: dict[str, list[RawView]] = {}
    for view in views:
        patients.setdefault(view.patient_id, []).append(view)
    return list(patients), [stratum(group) for group in patients.values()]


def _deal(
    views: list[RawView], members: dict[str, list[str]]
) -> dict[str, list[RawView]]:
    parts = {}
    for part, chosen in members.items():
        chosen = set(chosen)
        there = [view for view in views if view.patient_id in chosen]
        if there:
            parts[part] = there
    return parts


def _official(catalogue: Catalogue, split: Split) -> dict[str, list[RawView]]:
    lacking = [view for view in catalogue.views if view.part is None]
    if lacking:
        raise ConversionError(
            f'{lacking[0].file} and {len(lacking) - 1} more have no part in the '
            'official split; use --split ratio'
        )
    owner: dict[str, str] = {}
    for part in ('train', 'val', 'test'):  # the last one that names a patient
        owner.update(
            (view.patient_id, part) for view in catalogue.views if view.part == part
        )
    parts: dict[str, list[RawView]] = dict(train=[], val=[], test=[])
    for view in catalogue.views:
        if view.part == owner[view.patient_id]:
            parts[view.part].append(view)
        else:
            catalogue.skip(
                view.file,
                f'official {view.part} view of a patient of the '
                f'{owner[view.patient_id]} part',
            )
    if not parts['val'] and split.val_share and parts['train']:
        shares = dict(train=1 - split.val_share, val=split.val_share)
        names, strata = _strata(parts['train'])
        members = split_patients(names, shares, split.seed, strata)
        catalogue.notes += [
            f'--val-share: {said}' for said in empty_parts(shares, members)
        ]
        parts.update(_deal(parts['train'], members))
    catalogue.notes += [
        (
            f'part {part} is empty: the official split has no view of it here; '
            '--split ratio creates one'
        )
        for part in ('train', 'test')
        if not parts[part]
    ]
    return {part: views for part, views in parts.items() if views}
