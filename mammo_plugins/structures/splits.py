"""Splits by patient: no patient is ever in two parts."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

FOLD = '{fold}'  # in the names of a fold's files


def _grouped(
    patients: Sequence[str], strata: Sequence[Hashable] | None
) -> list[list[str]]:
    """Return the distinct patients of each stratum, sorted by name."""
    if strata is not None and len(strata) != len(patients):
        raise ValueError(
            f'strata has {len(strata)} entries for '
            f'{len(patients)} patients; give one a patient entry'
        )
    stratum_of: dict[str, str] = {}
    for i, patient in enumerate(patients):
        value = '' if strata is None else str(strata[i])
        # a patient with several exams counts in the last of her strata
        stratum_of[patient] = max(stratum_of.get(patient, ''), value)
    groups: dict[str, list[str]] = {}
    for patient in sorted(stratum_of):
        groups.setdefault(stratum_of[patient], []).append(patient)
    return [groups[key] for key in sorted(groups)]


def split_patients(
    patients: Sequence[str],
    ratios: dict[str, float],
    seed: int = 0,
    strata: Sequence[Hashable] | None = None,
) -> dict[str, list[str]]:
    """Split patients by ratio.

    Args:
        patients (Sequence[str]): Patient of each exam; repeats are allowed.
        ratios (dict[str, float]): Share of each part; they sum to 1.
        seed (int): Seed of the shuffle.
        strata (Sequence, optional): A label for each entry of ``patients``
            (e.g. abnormal or not), whose proportions each part keeps.

    Returns:
        dict[str, list[str]]: Sorted patients of each part. Sizes are the ratios
        of the number of patients, rounded by largest remainder.

    Raises:
        ValueError: If the ratios are negative or do not sum to 1.
    """
    shares = np.array(list(ratios.values()), float)
    if (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f'split ratios {ratios} must be >= 0 and sum to 1')
    rng = np.random.default_rng(seed)
    # strata laid end to end after a shuffle, then dealt at even steps: each part
    # gets its exact size, and each stratum is spread over the parts by ratio
    order = []
    for group in _grouped(patients, strata):
        order += [group[i] for i in rng.permutation(len(group))]
    total = len(order)
    sizes = np.floor(shares * total + 1e-9).astype(int)
    remainder = shares * total - sizes
    for i in np.argsort(-remainder, kind='stable')[: total - sizes.sum()]:
        sizes[i] += 1
    owner = _deal(sizes)
    names = list(ratios)
    parts: dict[str, list[str]] = {name: [] for name in names}
    for patient, part in zip(order, owner):
        parts[names[part]].append(patient)
    return {name: sorted(members) for name, members in parts.items()}


def empty_parts(ratios: dict[str, float], members: dict[str, Sequence]) -> list[str]:
    """Return a sentence for each wanted part that has no patients.

    Args:
        ratios (dict[str, float]): As in :func:`split_patients`.
        members (dict[str, Sequence]): The members of each part.
    """
    total = len({name for part in members.values() for name in part})
    # rounded up, so that the number stated really is enough
    enough = int(np.ceil(100 / max(total, 1))) / 100
    return [
        (
            f'part {part} is empty: a share of {share:g} of {total} patients is less '
            f'than one; take more patients, give it {enough:g} or more, or 0 to leave '
            'it out'
        )
        for part, share in ratios.items()
        if share > 0 and not members.get(part)
    ]


def filling_ratios(ratios: dict[str, float], patients: int) -> dict[str, float]:
    """Return the nearest shares, in hundredths, that leave no wanted part empty.

    Args:
        ratios (dict[str, float]): As in :func:`split_patients`; a part with a share of
            0 is not wanted.
        patients (int): Number of patients.

    Returns:
        dict[str, float]: Empty if there are fewer patients than wanted parts.
    """
    wanted = [part for part, share in ratios.items() if share > 0]
    if patients < len(wanted):
        return {}
    # rounded up, so that each has a whole patient
    hundredths = {
        part: max(-(-100 // patients), round(100 * ratios[part]))
        if part in wanted
        else 0
        for part in ratios
    }
    largest = max(hundredths, key=lambda part: hundredths[part])
    hundredths[largest] -= sum(hundredths.values()) - 100
    return {part: number / 100 for part, number in hundredths.items()}


def _deal(sizes: np.ndarray) -> np.ndarray:
    """Spread the parts evenly: entry ``k`` names the part most behind its share."""
    total = int(sizes.sum())
    given = np.zeros(len(sizes))
    owner = np.empty(total, int)
    for k in range(total):
        behind = sizes * (k + 1) / total - given
        behind[given >= sizes] = -np.inf
        owner[k] = int(np.argmax(behind))
        given[owner[k]] += 1
    return owner


def kfold_patients(
    patients: Sequence[str],
    folds: int,
    seed: int = 0,
    strata: Sequence[Hashable] | None = None,
) -> list[tuple[list[str], list[str]]]:
    """Split patients into folds.

    Args:
        patients, seed, strata: As in :func:`split_patients`.
        folds (int): Number of folds, at least 2 and at most the number of
            patients.

    Returns:
        list[tuple[list[str], list[str]]]: (train, held out) of each fold.

    Raises:
        ValueError: If there are fewer patients than folds.
    """
    distinct = sorted(set(patients))
    if not 2 <= folds <= len(distinct):
        raise ValueError(
            f'{folds} folds of {len(distinct)} patients: folds must '
            'be between 2 and the number of patients'
        )
    parts = split_patients(
        patients, {str(k): 1 / folds for k in range(folds)}, seed, strata
    )
    return [
        (sorted(set(distinct) - set(held_out)), held_out) for held_out in parts.values()
    ]


def is_fold(number: Any) -> bool:
    """Return whether a value is a fold number: an integer from 1 on."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def names_of_fold(node: Any) -> list[str]:
    """Return all texts with ``{fold}`` in a part of a config, at any depth."""
    if isinstance(node, str):
        return [node] if FOLD in node else []
    if isinstance(node, dict):
        node = list(node.values())
    inner = node if isinstance(node, (list, tuple)) else ()
    return [name for each in inner for name in names_of_fold(each)]


def in_fold(node: Any, fold: int | None) -> Any:
    """Return the names of files in a fold.

    Args:
        node (str | list | dict): A name with ``{fold}``, such as
            ``annotations/fold_{fold}/train.json``, or a part of a config with such
            names at any depth; other values stay unchanged.
        fold (int, optional): Fold number, from 1 on.

    Raises:
        ValueError: If a name contains ``{fold}`` but no fold is given.
    """
    if isinstance(node, dict):
        return type(node)({key: in_fold(value, fold) for key, value in node.items()})
    if isinstance(node, (list, tuple)):
        return type(node)([in_fold(each, fold) for each in node])
    if not isinstance(node, str):
        return node
    if FOLD in node and not is_fold(fold):
        raise ValueError(f'{node}: fold is {fold!r}; expected its number, from 1 on')
    return node.replace(FOLD, str(fold))
