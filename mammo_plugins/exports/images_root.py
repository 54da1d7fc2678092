"""Finding the folder that names of files in predictions are relative to."""

from pathlib import Path

from mammo_plugins.printable import one_line
from mammo_plugins.structures.exam_index import ExamIndex
from mammo_plugins.structures.exam_sources import named_files


def images_root(path: str | Path) -> Path:
    """Return the folder that names of files in predictions are relative to.

    Args:
        path (str | Path): What inference or the index was given: a folder, an image
            file, a DICOMDIR or a list of paths (``.txt``); or the index itself
            (``.jsonl``).

    Raises:
        FileNotFoundError: If it does not exist, or names nothing that exists.
        JsonError: If a ``.jsonl`` file is not an index.
        MammogramError: If a DICOMDIR cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return path
    if not path.exists():
        raise FileNotFoundError(
            f'{one_line(path)}: no such file or folder; expected what mammo infer or '
            'mammo index was given, or the index'
        )
    if path.suffix != '.jsonl':
        return named_files(path).root
    root = ExamIndex(path).root
    if not root.is_dir():
        raise FileNotFoundError(
            f'{one_line(path)}: index.root: {one_line(root)}: no such folder; give the '
            'folder of the images'
        )
    return root
