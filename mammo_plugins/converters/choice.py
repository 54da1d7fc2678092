"""Which image of a raw data set stands for a view; the rule is that of inference."""
from pathlib import Path
from typing import Dict, List, Tuple

from mammo_plugins.io import MammogramError, read_header
from mammo_plugins.io.image_kind import exclusion, screening_rank

from .records import Catalogue, RawView

Key = Tuple[str, str, str, str]
# further images of a view, the next best first
Others = Dict[Key, List[RawView]]


def view_key(view: RawView) -> Key:
    """Return what is the same for all images of one view of an exam."""
    return view.exam_id, view.laterality, view.view, view.modality


def choose_views(catalogue: Catalogue, raw: Path) -> Others:
    """Keep one image of each view, the one that stands for it if it can be used.

    Headers are read of views that are there more than once. Images that never stand
    for a screening view become skips; of the others
    :data:`~mammo_plugins.io.image_kind.SUBSTITUTES` gives the order, then the
    catalogue's own.

    Args:
        catalogue (Catalogue): Its ``views`` are changed.
        raw (Path): The raw folder.

    Returns:
        dict: The images that wait, by :func:`view_key`.
    """
    groups: Dict[Key, List[RawView]] = {}
    for view in catalogue.views:
        groups.setdefault(view_key(view), []).append(view)
    others: Others = {}
    for key, group in groups.items():
        if len(group) > 1:
            group[:] = _ranked(group, raw, catalogue)
            others[key] = group[1:]
    catalogue.views = [group[0] for group in groups.values() if group]
    return others


def _ranked(group: List[RawView], raw: Path, catalogue: Catalogue) -> List[RawView]:
    ranked = []
    for view in group:
        try:
            kind = read_header(raw / view.file).header['image_kind']
        except MammogramError:  # told when its turn comes to be read
            kind = None
        rank = screening_rank(kind)
        if rank is None:
            catalogue.skip(view.file, exclusion(kind))
        else:
            ranked.append((rank, view))
    return [view for _, view in sorted(ranked, key=lambda item: item[0])]


def note_choice(catalogue: Catalogue, views: List[RawView], others: Others) -> None:
    """List the images that were not needed, with the one that was used.

    Args:
        catalogue (Catalogue): Gets the skips.
        views (list[RawView]): Those that stand for a view.
        others (dict): As :func:`choose_views` gives it, without those that were used.
    """
    used = {view_key(view): view for view in views}
    for key, waiting in others.items():
        for view in waiting:
            if key in used:
                catalogue.skip(view.file, 'another image of the same view of an exam',
                               f'{" ".join(key[1:])}; {used[key].file} is used')
