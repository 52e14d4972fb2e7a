"""The stages of a session, each a child process, started again where they were killed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from typing import Literal

from pipeline.children import Child, LineReader, start_process
from pipeline.process_guard import RESTARTS_VARIABLE
from pipeline.repeated_labels import RepeatedLabels
from pipeline.standby import Standby

AfterKill = Literal["end", "go on", "begin anew", "go on elsewhere"]
"""What a session does when its source or brain was killed. `go on`: it is started again, and what
came meanwhile is lost. `begin anew`: both are, from the beginning of the recording; labels that
were said already are compared with those that come again, and not said twice. `go on elsewhere`:
all but a console are, with other arguments: what they kept is left as it is, and whole."""
Told = Mapping[str, Sequence[str]]
"""Arguments of stages by name."""
MOST_RESTARTS = 5
"""Within `WITHIN_S`; then the session ends, for what kills it so often will do so again."""
WITHIN_S = 60.0
FIRST_WAIT_S = 0.05
"""Before it is started again; twice as long after each further time within `WITHIN_S`."""


STANDBY_AGAIN_S = 60.0
"""Until another process stands by where one ended, or could not be started: memory is short."""


class Backoff:
    """When to start something again that was killed."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._killed_s: deque[float] = deque()

    def killed(self) -> float | None:
        """Count one more time; the time to start again at, None for never."""
        now_s = self._clock_s()
        self._killed_s.append(now_s)
        while self._killed_s[0] < now_s - WITHIN_S:
            self._killed_s.popleft()
        if len(self._killed_s) > MOST_RESTARTS:
            return None
        return now_s + FIRST_WAIT_S * 2.0 ** (len(self._killed_s) - 1)


class Stage:
    """One program of a session, run as a child as often as it takes."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, threads: int, survives: bool = False
    ) -> None:
        """`survives`: it is started again when it was killed."""
        self.name = name
        self.survives = survives
        self.restarts = 0
        self._arguments = tuple(arguments)
        self.threads = threads
        self.child = Child(name, start_process(self._arguments, threads=threads))

    @property
    def kind(self) -> str:
        """Its name without a number: of several sources too, "source"."""
        return self.name.partition(" ")[0]

    @property
    def killed(self) -> bool:
        """Whether a signal has ended it."""
        return self.child.status is not None and self.child.status < 0

    def start_again(
        self,
        *more: str,
        before: int,
        arguments: Sequence[str] | None = None,
        standby: Standby | None = None,
    ) -> None:
        """Another process in place of the one that has ended; `before` is told to it.

        With `arguments`, these are its own from now on. `standby` becomes it, if that still runs.
        """
        self.child.close()
        self.restarts += 1
        self._arguments = self._arguments if arguments is None else tuple(arguments)
        told, variables = (*self._arguments, *more), {RESTARTS_VARIABLE: str(before)}
        ready = standby and standby.become(self.name, told, variables)
        self.child = ready or Child(
            self.name, start_process(told, threads=self.threads, variables=variables)
        )

    def stand_by(self, threads: int) -> Standby:
        """A process that has loaded what this one has, where this is a brain."""
        return Standby(self._arguments, threads=threads)


class Stages:
    """All stages of one session by name, their output read by one reader."""

    def __init__(
        self,
        reader: LineReader,
        labels: RepeatedLabels,
        after_kill: AfterKill,
        elsewhere: Callable[[], Told] = dict,
        standing_by: int = 0,
    ) -> None:
        """`labels` are told where all begins anew; `elsewhere` gives what stages that go on
        elsewhere are told, and is called each time. So many processes shall be `standing_by`.
        """
        self._reader = reader
        self._labels = labels
        self._after_kill = after_kill
        self._elsewhere = elsewhere
        self._stages: dict[str, Stage] = {}
        self._backoff = Backoff()
        self._again_s: float | None = None
        self._gaps = 0
        self._standing_by = standing_by
        self._standbys: list[Standby] = []
        """Those started first come first: they have loaded most."""
        self._standby_from_s = 0.0

    def start(self, name: str, arguments: Sequence[str], *, threads: int) -> None:
        """A console can be started again in any session; a recorder cannot go on in its file."""
        survives = name == "console" or (
            self._after_kill != "end"
            and (name != "recorder" or self._after_kill == "go on elsewhere")
        )
        self._stages[name] = stage = Stage(name, arguments, threads=threads, survives=survives)
        self._listen(stage)

    def __getitem__(self, name: str) -> Stage:
        return self._stages[name]

    def get(self, name: str) -> Stage | None:
        """The stage, where the session has it."""
        return self._stages.get(name)

    def values(self) -> ValuesView[Stage]:
        """All of them, in the order in which they were started."""
        return self._stages.values()

    @property
    def waits(self) -> bool:
        """Whether something is to be started again in a moment."""
        return self._again_s is not None

    @property
    def restarts(self) -> dict[str, int]:
        """How often each was started again that was."""
        return {stage.name: stage.restarts for stage in self.values() if stage.restarts}

    def supervise(self) -> Iterator[str]:
        """To be called again and again; gives what is to be told of what was killed."""
        for ended in [one for one in self._standbys if one.has_ended]:
            ended.close()
            self._standbys.remove(ended)
            self._standby_from_s = time.monotonic() + STANDBY_AGAIN_S
            yield f"the process that stands by has ended; another one in {STANDBY_AGAIN_S:.0f} s"
        killed = [one for one in self.values() if one.survives and one.killed]
        if self._again_s is not None:
            if time.monotonic() >= self._again_s:
                self._again_s = None
                self._start_again(killed)
        elif killed:
            self._again_s = self._backoff.killed()
            for stage in killed:
                after = "it is started again" if self._again_s else "too often to go on"
                yield f"the {stage.name} was killed by signal {-(stage.child.status or 0)}; {after}"
                stage.survives = self._again_s is not None

    def stand_by(self) -> None:
        """Have processes ready to take the place of what is killed, as many as are wanted.

        To be called when all goes well, as loading takes a core for a second.
        """
        if self.waits or len(self._standbys) == self._standing_by:
            return
        now_s = time.monotonic()
        if now_s < self._standby_from_s:
            return
        brain = self["brain"]
        # One is for the brain, which takes longest to start; any other stage has one thread.
        wanted = [brain.threads, *[1] * (self._standing_by - 1)]
        for one in self._standbys:
            wanted.remove(one.threads)
        try:
            self._standbys += [brain.stand_by(threads) for threads in wanted]
        except OSError:
            self._standby_from_s = now_s + STANDBY_AGAIN_S

    def interrupt(self) -> None:
        """Ask all to end; none is started again."""
        self._again_s = None
        for stage in self.values():
            stage.child.interrupt()

    def close(self) -> None:
        """Kill what still runs, last started first."""
        for stage in reversed(list(self.values())):
            stage.child.close()
        for standby in self._standbys:
            standby.close()

    def _start_again(self, killed: list[Stage]) -> None:
        worked = [one for one in killed if one.name != "console"]
        caught_up: tuple[str, ...] = ()
        told: Told = {}
        if worked and self._after_kill == "begin anew":
            killed = _killed([self["source"], self["brain"]])
            self._labels.begin_anew()
            caught_up = (f"--hurry={self._labels.seen_s}",)
        elif worked and self._after_kill == "go on elsewhere":
            killed = _killed([one for one in self.values() if one.name != "console" or one.killed])
            told = self._elsewhere()
            self._gaps += 1
        else:
            self._gaps += len(worked)
        # A brain takes longest to start.
        for stage in sorted(killed, key=lambda one: one.kind != "brain"):
            for pipe in stage.child.pipes():
                self._reader.forget(pipe)
            more = caught_up if stage.name == "source" else ()
            standby = next((one for one in self._standbys if one.threads == stage.threads), None)
            if standby is not None:
                self._standbys.remove(standby)
            stage.start_again(
                *more, before=self._gaps, arguments=told.get(stage.name), standby=standby
            )
            self._listen(stage)

    def _listen(self, stage: Stage) -> None:
        for pipe in stage.child.pipes():
            self._reader.add(pipe)


def _killed(stages: list[Stage]) -> list[Stage]:
    """These stages, none of which runs any more."""
    for stage in stages:
        stage.child.kill()
    return stages
