# SPDX-License-Identifier: BSD-3-Clause
"""Files are there whole or not at all, even if the process that writes them is killed."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from test_export_json import assert_same_network

from bpnet import Network, Topology, load_model, save_model

STOP = """
import builtins, os, sys, time
import numpy as np
from bpnet import Network, Topology, save_model
import bpnet._files as files

def stop(*args):
    print("stopped", flush=True)
    time.sleep(60)

class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *args): self.file.close()
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        stop()

net = Network(Topology.layered([100, 100, 1]), random_state=1)
if sys.argv[2] == "half written":
    files.open = lambda *args: Half(builtins.open(*args))
elif sys.argv[2] == "written, not yet on the disk":
    os.fsync = stop
else:
    os.replace = stop
save_model(net, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["half written", "written, not yet on the disk", "on the disk, not yet in place"])
def test_a_process_killed_while_it_saves_leaves_the_old_file_whole(moment, tmp_path):
    path, old = tmp_path / "model.json", Network(Topology.layered([2, 1]), random_state=0)
    save_model(old, path)
    with subprocess.Popen([sys.executable, "-c", STOP, path, moment], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 2
    assert_same_network(load_model(path), old)
    save_model(old, path)  # what the killed process left is in nobody's way


BUSY = """
import sys
from bpnet import Network, Topology, save_model
nets = [Network(Topology.layered([60, 60, 1]), random_state=k) for k in (0, 1)]
print("ready", flush=True)
while True:
    for net in nets:
        save_model(net, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_whenever_a_process_is_killed_the_file_is_one_of_the_two(tmp_path):
    path = tmp_path / "model.json"
    nets = [Network(Topology.layered([60, 60, 1]), random_state=k) for k in (0, 1)]
    save_model(nets[0], path)
    for seconds in (0.02, 0.033, 0.057):
        with subprocess.Popen([sys.executable, "-c", BUSY, path], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(seconds)
            process.kill()
        loaded = load_model(path)
        assert any(loaded.parameters.tobytes() == net.parameters.tobytes() for net in nets)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path, old = tmp_path / "model.json", Network(Topology.layered([2, 1]), random_state=0)
    save_model(old, path)

    def full(handle):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(Network(Topology.layered([3, 1])), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]
    assert_same_network(load_model(path), old)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_stay(tmp_path):
    net, path, link = Network(Topology.layered([2, 1])), tmp_path / "model.json", tmp_path / "latest.json"
    save_model(net, path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    save_model(net, link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_missing_file_is_no_value_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.json")
