"""Names, cells and texts that would act where they are printed or written."""

import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fuzzing.annotations import HEIGHT, WIDTH, sound
from fuzzing.harness import Fault, Fuzzer, run_command
from fuzzing.json_damage import dump
from mammo_cli.commands.infer import report
from mammo_plugins.apis import find_exams
from mammo_plugins.printable import printable_output
from mammo_plugins.visualization import ViewPanel, draw_four_view

FORGED = 'FORGED'
TEXTS = [
    '\x1b]0;title\x07',
    '\x1b[2J\x1b[H',
    '\x1b[31mred',
    '\x9b2J',
    '\r' + FORGED,
    f'a\n{FORGED}: all is well',
    f'a\x85{FORGED}',
    f'a\u2028{FORGED}',
    '\x08\x08\x08',
    '\u202egnp.exe',
    '\u2066a\u2069',
    '\u200e',
    '\ufeff',
    '\x00',
    '\x7f',
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '&lt;b&gt;',
    '![a](http://example.org/a.png)',
    '[a](javascript:alert(1))',
    '`a`',
    '*a*',
    '| a | b |',
    '=cmd|calc!A0',
    '+1+1',
    '-1+1',
    '@SUM(A1)',
    '\t=1+1',
    '\uff1d1+1',
    '$x_{a}$',
    '$\\frac',
    '$$',
    '%s %d %n',
    '{0} {name}',
    '${HOME}',
    '$(touch ran)',
    ';touch ran',
    "'; --",
    '"',
    os.fsdecode(b'\xff\xfe\xe9'),
    '\ud800',
    '\U000e0041',
    'e\u0301',
    ' ',
    '.',
    '#',
    'a' * 200,
]
_ACTING = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u202a-\u202e\u2066-\u2069]')
_LINK = re.compile(r'(?<!\\)\]\(')


def as_name(text: str) -> str:
    """Return a text as a file can be called."""
    name = text.replace('/', '_').replace('\0', '_')
    try:
        return os.fsdecode(os.fsencode(name)[:200])
    except UnicodeEncodeError:
        return 'a'


class HostileText(Fuzzer):
    """Texts that act, as names of files and folders, in cells and in JSON."""

    name, seconds, in_suite = 'texts that act', 30.0, 24

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(0)
        y, x = np.mgrid[: HEIGHT * 4, : WIDTH * 2]
        breast = (x / 24) ** 2 + ((y - 24) / 20) ** 2 < 1
        pixels = np.where(breast, 2000, 20) + rng.integers(0, 200, breast.shape)
        self.picture = cv2.imencode('.png', pixels.astype(np.uint16))[1].tobytes()
        self.ways = [
            self._convert,
            self._convert_table,
            self._verify,
            self._bank,
            self._infer,
            self._figure,
        ]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        way = self.ways[number % len(self.ways)]
        texts = [
            TEXTS[number // len(self.ways) % len(TEXTS)],
            *(TEXTS[i] for i in rng.integers(len(TEXTS), size=3)),
        ]
        if rng.random() < 0.3:
            texts = [''.join(texts[:2]), ''.join(texts[1:3]), *texts[2:]]

        def call() -> str:
            work = self.folder / 'case'
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            outcome = way(work, texts)
            self._check_files(work / 'out')
            return outcome

        return f'{way.__name__}: {texts!r}'[:200], call

    def _run(self, *words: object) -> str:
        code, printed = run_command(*map(str, words))
        if code not in (0, 1, 2):
            raise Fault('exit status', f'{code}: {printed[-300:]}')
        self._check_lines(printed)
        return 'read' if code == 0 else 'refused'

    @staticmethod
    def _check_lines(printed: str) -> None:
        if re.search(f'(^|[\r\n\x85\u2028]){FORGED}', printed):
            raise Fault('forged line', printed[-300:])

    @staticmethod
    def _check_files(out: Path) -> None:
        """See that nothing that is written to be read by people acts."""
        for path in (*out.rglob('*.md'), *out.rglob('*.csv')):
            text = path.read_text(encoding='utf-8')
            if _ACTING.search(text.replace('\r\n', '\n')):
                raise Fault('raw text', f'{path.name}: {text[:300]!r}')
            if path.suffix == '.md' and ('<' in text or _LINK.search(text)):
                raise Fault('raw text', f'{path.name}: {text[:300]!r}')
            if re.search(f'^{FORGED}', text, re.MULTILINE):
                raise Fault('forged line', path.name)
        for path in out.rglob('*.csv'):
            with open(path, encoding='utf-8', newline='') as file:
                for cell in (cell for row in csv.reader(file) for cell in row):
                    if cell[:1] in ('=', '+', '-', '@', '\t', '\r', '\uff1d'):
                        raise Fault('formula', f'{path.name}: {cell[:80]!r}')

    def _raw(self, work: Path, texts: list[str]) -> tuple[Path, list[str]]:
        """Make a folder of two pictures and a file that is none."""
        raw = work / 'raw'
        names = [
            f'{as_name(texts[0])}/{as_name(texts[1])}_LCC.png',
            f'{as_name(texts[0])}/b_R_MLO{as_name(texts[2])}.png',
            f'{as_name(texts[3])}.png',
        ]
        for name, data in zip(names, (self.picture, self.picture, b'broken')):
            path = raw / os.path.normpath(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return raw, names

    def _convert(self, work: Path, texts: list[str]) -> str:
        raw, _ = self._raw(work, texts)
        return self._run(
            'tools/dataset_converters/generic.py',
            raw,
            '--out',
            work / 'out',
            '--cache-dir',
            work / 'cache',
            '--workers',
            1,
        )

    def _convert_table(self, work: Path, texts: list[str]) -> str:
        raw, names = self._raw(work, texts)
        rows = [
            dict(
                file=name,
                patient=texts[0],
                exam=texts[1],
                laterality='L',
                view=view,
                category=texts[2],
                lesion_id=texts[3],
                x1='2',
                y1='10',
                x2='12',
                y2='20',
                birads=birads,
            )
            for name, view, birads in zip(
                names, ('CC', 'MLO', texts[3]), ('4', texts[1], '4')
            )
        ]
        table = work / f'{as_name(texts[1])[:40]}.csv'
        with open(table, 'w', newline='', encoding='utf-8', errors='replace') as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
        return self._run(
            'tools/dataset_converters/generic.py',
            raw,
            '--table',
            table,
            '--out',
            work / 'out',
            '--cache-dir',
            work / 'cache',
            '--workers',
            1,
        )

    def _data(self, work: Path, texts: list[str]) -> Path:
        root = work / as_name(texts[0])
        data = sound(1, 'train')
        for image, text in zip(data['images'], texts):
            name = os.path.normpath(f'{as_name(text)}{image["id"]}.png')
            image.update(
                file_name=name,
                exam_id=image['exam_id'] + texts[1],
                patient_id=image['patient_id'] + texts[1],
                source=text,
            )
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b'broken' if image['id'] == 1 else self.picture)
        data['images'] = data['images'][:4]
        data['info'] = dict(
            dataset=texts[2] or 'a',
            split=texts[3],
            seed=texts[1],
            converter_version=texts[0],
            split_seed=texts[3],
        )
        data['categories'][0]['name'] = texts[3] or 'a'
        ann_file = root / f'annotations/{as_name(texts[1])[:40]}.json'
        ann_file.parent.mkdir(parents=True, exist_ok=True)
        ann_file.write_bytes(dump(data))
        return ann_file

    def _verify(self, work: Path, texts: list[str]) -> str:
        return self._run(
            'tools/verify_dataset.py',
            self._data(work, texts),
            '--check-pixels',
            '--workers',
            1,
            '--json',
            work / 'report.json',
        )

    def _bank(self, work: Path, texts: list[str]) -> str:
        ann_file = self._data(work, texts)
        self._run(
            'tools/locate_nipples.py',
            '--contour',
            ann_file,
            '--overwrite',
            '--out',
            work / 'nipples.json',
        )
        return self._run(
            'tools/build_lesion_bank.py',
            ann_file,
            '--out',
            work / 'bank.npz',
            '--classes',
            texts[3] or 'a',
        )

    def _infer(self, work: Path, texts: list[str]) -> str:
        raw, _ = self._raw(work, texts)
        found = find_exams(raw)
        result = dict(
            exams=[
                dict(
                    exam_id=exam,
                    warnings=[texts[1]],
                    views=[
                        dict(file=str(view.path), warnings=[texts[2]])
                        for view in views.values()
                    ],
                )
                for exam, views in found.exams.items()
            ],
            skipped=[
                dict(file=str(path), reason=reason) for path, reason in found.skipped
            ],
            notes=[texts[0], *found.notes],
        )
        with printable_output():
            report(result, str(work / as_name(texts[3])))
        return 'read'

    @staticmethod
    def _figure(work: Path, texts: list[str]) -> str:
        panel = ViewPanel(np.zeros((HEIGHT, WIDTH), np.float32))
        draw_four_view(dict(RCC=panel), work / 'figure.png', '\n'.join(texts))
        return 'read'
