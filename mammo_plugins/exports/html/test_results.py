"""Finding and reading the results of a test."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammo_plugins.evaluation.functional import read_froc
from mammo_plugins.evaluation.functional.froc_report import FORMAT as FROC
from mammo_plugins.evaluation.functional.roc import FORMAT as ROC
from mammo_plugins.io import JsonError, read_json
from mammo_plugins.printable import one_line
from mammo_plugins.structures.fields import is_number

from ..prediction_file import ExportError
from .charts import calibration_section, froc_section, roc_section, subgroup_section

_ROC_KEYS = {
    'curve': ('specificity', 'sensitivity'),
    'counts': ('positives', 'negatives'),
}


@dataclass
class TestResults:
    """Test results shown on a page.

    Attributes:
        sections (dict[str, list[str]]): HTML by 'curves', 'calibration' and
            'subgroups'.
        left_out (list[tuple[str, str]]): Files that could not be read, with the reason.
    """

    __test__ = False  # not a test for pytest

    sections: dict[str, list[str]] = field(
        default_factory=lambda: dict(curves=[], calibration=[], subgroups=[])
    )
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Iterable[str | Path]) -> 'TestResults':
        """Read files written by ``mammo test``, or all of them in folders.

        Args:
            paths (Iterable[str | Path]): ``froc.json``, ``roc.json`` and similar files;
                for a folder, all of them in it and in its ``test``.

        Raises:
            FileNotFoundError: If a path does not exist.
            ExportError: If one of them contains no results.
        """
        results = cls()
        for path in map(Path, paths):
            if not path.exists():
                raise FileNotFoundError(f'{one_line(path)}: no such file or folder')
            folders = [path, path / 'test']
            files = (
                [file for folder in folders for file in sorted(folder.glob('*.json'))]
                if path.is_dir()
                else [path]
            )
            if not [file for file in files if results._add(file, path == file)]:
                raise ExportError(
                    f'{one_line(path)}: holds no results of mammo test, such as '
                    'froc.json and roc.json'
                )
        return results

    def _add(self, file: Path, named: bool) -> bool:
        """Add a file; return whether it is a test result."""
        try:
            content = read_json(file)
            kind = content.get('format') if isinstance(content, dict) else None
            if kind == FROC:
                self.sections['curves'].append(froc_section(file.stem, read_froc(file)))
                self._add_calibration(file.stem, content)
            elif kind == ROC:
                self._add_roc(file.stem, content)
            elif not self._subgroups(content):
                return False
        except (JsonError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = str(error) if isinstance(error, ValueError) else 'it is damaged'
            if named:
                raise ExportError(f'{one_line(file)}: {reason}') from None
            self.left_out.append((file.name, reason))
            return True
        for column, rows in self._subgroups(content).items():
            self.sections['subgroups'].append(subgroup_section(column, rows))
        return True

    def _add_roc(self, name: str, content: dict[str, Any]) -> None:
        for key, columns in _ROC_KEYS.items():
            if not all(column in content[key] for column in columns):
                raise ValueError(f'{key}: lacks one of {", ".join(columns)}')
        self.sections['curves'].append(roc_section(name, content))
        self._add_calibration(name, content)

    def _add_calibration(self, name: str, content: dict[str, Any]) -> None:
        summaries = {
            title: content[key]
            for key, title in (
                ('calibration', 'uncalibrated'),
                ('calibrated', 'calibrated'),
            )
            if content.get(key)
        }
        if summaries:
            self.sections['calibration'].append(calibration_section(name, summaries))

    @staticmethod
    def _subgroups(content: Any) -> dict[str, list[dict[str, Any]]]:
        """Return the subgroup tables in a file, by column."""
        tables = content.get('subgroups') if isinstance(content, dict) else None
        if isinstance(tables, list):
            tables = {str(content.get('column', 'subgroup')): tables}
        return {
            column: rows
            for column, rows in (tables or {}).items()
            if isinstance(rows, list)
            and rows
            and all(isinstance(row, dict) and 'group' in row for row in rows)
            and any(is_number(value) for row in rows for value in row.values())
        }
