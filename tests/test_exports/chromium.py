"""A headless Chromium, driven by its DevTools protocol over a pipe."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
_FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--remote-debugging-pipe',
)


def find():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Chromium:
    """A browser with one page.

    Args:
        profile (Path): Its folder.
    """

    def __init__(self, profile):
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # it reads at 3 and writes at 4, which pipes may have been given
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]

        def place():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            [find(), *_FLAGS, f'--user-data-dir={profile}', 'about:blank'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=place,
        )
        for fd in (theirs_in, theirs_out, *high):
            os.close(fd)
        self._in, self._out = ours_in, ours_out
        self._left, self._number, self._session = b'', 0, None
        self.events = []
        targets = self('Target.getTargets')['targetInfos']
        target = next(each for each in targets if each['type'] == 'page')
        self._session = self(
            'Target.attachToTarget', targetId=target['targetId'], flatten=True
        )['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self(f'{domain}.enable')

    def _read(self, seconds=60):
        end = time.monotonic() + seconds
        while b'\0' not in self._left:
            ready, _, _ = select.select([self._in], [], [], end - time.monotonic())
            data = os.read(self._in, 1 << 20) if ready else b''
            if not data:
                raise TimeoutError('the browser does not answer')
            self._left += data
        message, _, self._left = self._left.partition(b'\0')
        return json.loads(message)

    def __call__(self, method, **params):
        """Send a command; return its result."""
        self._number += 1
        message = dict(id=self._number, method=method, params=params)
        if self._session:
            message['sessionId'] = self._session
        os.write(self._out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer['error']
                return answer['result']
            self.events.append(answer)

    def open(self, path):
        """Load a file, and wait until it is there."""
        self.events.clear()
        self('Page.navigate', url=path.as_uri())
        while not any(e.get('method') == 'Page.loadEventFired' for e in self.events):
            self.events.append(self._read())

    def value(self, expression):
        """Return what JavaScript makes of an expression."""
        result = self('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in result, result['exceptionDetails']
        return result['result'].get('value')

    def press(self, key, code):
        """Press a key on what has the focus."""
        for kind in ('rawKeyDown', 'keyUp'):
            self(
                'Input.dispatchKeyEvent', type=kind, key=key, windowsVirtualKeyCode=code
            )

    def complaints(self):
        """Return what the console has of errors and warnings."""
        said = []
        for event in self.events:
            method, params = event.get('method'), event.get('params', {})
            if method == 'Runtime.exceptionThrown':
                said.append(params)
            if method == 'Runtime.consoleAPICalled' and params['type'] != 'log':
                said.append(params)
            if method == 'Log.entryAdded' and params['entry']['level'] != 'verbose':
                said.append(params['entry'])
        return said

    def requests(self):
        """Return the addresses that were asked for."""
        return [
            event['params']['request']['url']
            for event in self.events
            if event.get('method') == 'Network.requestWillBeSent'
        ]

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
