# SPDX-License-Identifier: BSD-3-Clause
"""A training that is killed and goes on, to the same bits as one that was left in peace.

The program starts itself as a second process, which trains on the digits and writes a checkpoint after each epoch, and
kills it without warning. The checkpoint is then resumed here.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from bpnet import MLPClassifier
from bpnet.callbacks import Checkpoint, resume

X, y = load_digits(return_X_y=True)
X = X / 16
settings = {"hidden_layer_sizes": (50,), "early_stopping": True, "n_iter_no_change": 40, "max_iter": 500}


def train(callbacks):
    return MLPClassifier(**settings, random_state=0, callbacks=callbacks).fit(X, y)


def slowly(record):
    time.sleep(0.02)  # so that there is time to kill it


if __name__ == "__main__" and len(sys.argv) > 1:
    train([Checkpoint(sys.argv[1]), slowly])
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "digits.checkpoint")
        process = subprocess.Popen([sys.executable, __file__, str(path)])
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        process.kill()
        process.wait()
        told = []
        model = resume(path, callbacks=[told.append]).fit(X, y)
    whole = train(None)
    print(f"killed after epoch {told[0].epoch - 1}; epochs {told[0].epoch} to {model.n_iter_} followed after resuming")
    print(f"best validation score {model.best_validation_score_:.3f}, {told[-1].elapsed:.1f} s of training in all")
    same = np.array_equal(model.network_.parameters, whole.network_.parameters)
    print(f"the same to the bit as an uninterrupted training: {same and model.loss_curve_ == whole.loss_curve_}")
