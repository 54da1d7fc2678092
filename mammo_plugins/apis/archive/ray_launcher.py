"""Predicting an archive on several GPUs or machines with Ray."""

import signal
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from mammo_plugins.structures.exam_index import ExamIndex

from ..config_loading import ConfigError
from ..inferencers.base import ExamInferencer
from ..inferencers.figures import Figures
from .predicting import Outcome, Pace, outcomes

_TASK = 8  # exams; what is lost when a process dies
_AHEAD = 2  # tasks per actor
_TRIES = 3  # retries of a task whose process died
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Actor:
    """A model in a Ray process.

    Args:
        make (callable): Builds the model.
        index (str), root (str): The index, and the folder of the images.
    """

    def __init__(
        self, make: Callable[[], ExamInferencer], index: str, root: str
    ) -> None:
        self.inferencer, self.index = make(), ExamIndex(index, root=root)

    def predict(
        self, places: Sequence[int], figures: Figures, workers: int
    ) -> tuple[list[Outcome], float, float]:
        """Return outcomes, total seconds, and seconds spent waiting for images."""
        pace = Pace()
        done = outcomes(self.inferencer, self.index, places, figures, workers, pace)
        return list(done), pace.seconds, pace.waited


def by_ray(
    make: Callable[[], ExamInferencer], actors: int | None = None
) -> Callable[..., Iterator[Outcome]]:
    """Return a function like :func:`outcomes` that runs in Ray actors, in order.

    Each actor has a GPU if the cluster has any. Ray restarts an actor that dies, which
    then repeats its last few exams. Ray starts on this machine, or joins the cluster
    that ``RAY_ADDRESS`` names. Images, index, config and checkpoint must have the same
    paths on all machines.

    Args:
        make (callable): Builds the model in an actor.
        actors (int, optional): Number of actors. Defaults to ``None``: one per GPU, or
            one if there is no GPU.

    Raises:
        ConfigError: If Ray is not installed.
    """
    return partial(_outcomes, make, actors, _ray())


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise ConfigError(
            '--launcher ray: Ray is not installed; pip install "mammo_plugins[ray]", or '
            'run parts by --num-parts and --part-id'
        ) from None
    return ray


def _outcomes(
    make: Callable[[], ExamInferencer],
    actors: int | None,
    ray: ModuleType,
    inferencer: ExamInferencer,
    index: ExamIndex,
    places: Sequence[int],
    figures: Figures,
    workers: int,
    pace: Pace,
) -> Iterator[Outcome]:
    started = not ray.is_initialized()
    if started:
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        ray.init(log_to_driver=False, configure_logging=False)
        for number, handler in handlers.items():  # Ray has installed its own
            signal.signal(number, handler)
    try:
        gpus = int(ray.cluster_resources().get('GPU', 0))
        remote = ray.remote(_Actor).options(
            num_cpus=1,
            num_gpus=1 if gpus else 0,
            max_restarts=-1,
            max_task_retries=_TRIES,
        )
        pool = [
            remote.remote(make, str(index.path.resolve()), str(index.root.resolve()))
            for _ in range(min(actors or gpus or 1, max(1, len(places))))
        ]
        figures = figures._replace(folder=figures.folder.resolve())
        tasks = [places[i : i + _TASK] for i in range(0, len(places), _TASK)]
        yield from _in_order(ray, pool, tasks, (figures, workers), pace)
    finally:
        if started:
            ray.shutdown()


def _in_order(
    ray: ModuleType,
    pool: list[Any],
    tasks: Sequence[array],
    options: tuple[Figures, int],
    pace: Pace,
) -> Iterator[Outcome]:
    """Queue a task or two per actor; yield their results in order."""
    done: dict[int, list[Outcome]] = {}
    running: dict[Any, tuple[int, Any]] = {}  # reference: number of the task, actor
    free = pool * _AHEAD
    begun = given = 0
    while given < len(tasks):
        # a slow task delays the results of later ones, which must not pile up
        while free and begun < min(len(tasks), given + 2 * _AHEAD * len(pool)):
            actor = free.pop(0)
            reference = actor.predict.remote(list(tasks[begun]), *options)
            running[reference] = begun, actor
            begun += 1
        (reference,), _ = ray.wait(list(running))
        number, actor = running.pop(reference)
        try:
            done[number], seconds, waited = ray.get(reference)
        except ray.exceptions.RayActorError:
            raise ConfigError(
                f'--launcher ray: a process died {1 + _TRIES} times at exams '
                f'{number * _TASK + 1} to {number * _TASK + len(tasks[number])} '
                'of those that were left. Is there enough memory? Finished exams '
                'are kept; run the same command to resume'
            ) from None
        free.append(actor)
        pace.seconds += seconds / len(pool)
        pace.waited += waited / len(pool)
        while given in done:
            for outcome in done.pop(given):
                pace.exams += 1
                yield outcome
            given += 1
