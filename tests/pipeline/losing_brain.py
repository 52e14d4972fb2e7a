"""A brain whose device is lost on the way: `losing_brain.py FRAMES ARGUMENTS`.

The plain engine really steps; after so many frames its network raises what torch raises then.
"""

import sys
from typing import Any

import torch

from models.engine import Engine
from pipeline import brain
from pipeline.brain_settings import BrainSettings
from pipeline.cli import main


def load(settings: BrainSettings) -> Engine:
    """The engine asked for, which will fail."""
    engine: Any = whole(settings)
    step, left = engine._network.step, [frames]

    def failing(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            # What is on a lost device cannot be read either.
            engine._network.tensors = failing
            raise LOST
        return step(*arguments, **options)

    engine._network.step = failing
    return engine


LOST = torch.AcceleratorError("CUDA error: unspecified launch failure\nand more")
frames = int(sys.argv[1])
whole = brain.load_chosen_engine
brain.run_brain.__defaults__ = (load,)
sys.argv[1:2] = []
main()
