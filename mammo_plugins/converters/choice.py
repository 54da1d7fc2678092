"""Choosing the image that represents a view, by the same rule as inference."""

from pathlib import Path

from mammo_plugins.io import MammogramError, read_header
from mammo_plugins.io.image_kind import exclusion, screening_order, screening_rank

from .records import Catalogue, RawView

Key = tuple[str, str, str, str]
# further images of each view, the next best first
Others = dict[Key, list[RawView]]


def view_key(view: RawView) -> Key:
    """Return the key that all images of one view of an exam share."""
    return view.exam_id, view.laterality, view.view, view.modality


def choose_views(catalogue: Catalogue, raw: Path) -> Others:
    """Keep one image per view: the one that represents it if it can be used.

    Headers are read only for views that have several images. The kind of image that a
    table states takes precedence over the header. Images that can never represent a
    screening view become skips. The others are ordered by
    :func:`~mammo_plugins.io.image_kind.screening_order`, then by whether lesions are
    drawn in them, then by the catalogue's order.

    Args:
        catalogue (Catalogue): Its ``views`` are changed.
        raw (Path): The raw folder.

    Returns:
        dict: The images in reserve, by :func:`view_key`.
    """
    groups: dict[Key, list[RawView]] = {}
    for view in catalogue.views:
        groups.setdefault(view_key(view), []).append(view)
    others: Others = {}
    for key, group in groups.items():
        if len(group) > 1:
            group[:] = _ranked(group, raw, catalogue)
            others[key] = group[1:]
    catalogue.views = [group[0] for group in groups.values() if group]
    return others


def _ranked(group: list[RawView], raw: Path, catalogue: Catalogue) -> list[RawView]:
    ranked = []
    for view in group:
        try:
            header = read_header(raw / view.file).header
        except MammogramError:  # reported if the image has to be read
            header = {}
        kind = view.image_kind or header.get('image_kind')
        if screening_rank(kind) is None:
            catalogue.skip(view.file, exclusion(kind))
            _note_lesions(catalogue, view)
        else:
            ranked.append((screening_order(kind, header), not view.lesions, view))
    return [view for *_, view in sorted(ranked, key=lambda item: item[:2])]


def _note_lesions(catalogue: Catalogue, view: RawView) -> None:
    for _ in view.lesions:
        catalogue.skip(f'lesion of {view.file}', 'lesion of an image that is not used')


def note_choice(catalogue: Catalogue, views: list[RawView], others: Others) -> None:
    """List the images that were not used, each with the one used instead.

    Args:
        catalogue (Catalogue): Receives the skips.
        views (list[RawView]): The images that represent a view.
        others (dict): The result of :func:`choose_views` without the images that were
            used.
    """
    used = {view_key(view): view for view in views}
    for key, waiting in others.items():
        for view in waiting:
            if key in used:
                catalogue.skip(
                    view.file,
                    'another image of the same view of an exam',
                    f'{" ".join(key[1:])}; {used[key].file} is used',
                )
                _note_lesions(catalogue, view)
