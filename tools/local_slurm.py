#!/usr/bin/env python3
"""A real SLURM on this machine, as root and without systemd: for tests, and to try `pcgm-bench run --executor slurm`.

    python tools/local_slurm.py start DIR     start munged, slurmctld and slurmd; print what to `eval` in a shell
    python tools/local_slurm.py env DIR       print that again
    python tools/local_slurm.py stop DIR      end the three daemons and all jobs
    python tools/local_slurm.py unpack DIR    without installing: download Debian's packages and unpack them into DIR

All files are in DIR. Ports are free ones. The programs are the installed ones, or with `--packages DIR` those that
`unpack` has put there. One node, `localhost`, and one partition, `local`; no accounting, so `sacct` knows nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
LIBRARIES = ("slurm-wlm-basic-plugins", "libmunge2", "libhwloc15", "liblua5.1-0")
INSTALL = "apt-get update && apt-get install -y --no-install-recommends " + " ".join(PACKAGES)
CLIENTS = ("sinfo", "squeue", "sbatch", "srun", "scancel", "scontrol", "sacct")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
TRIES = 3
"""Between finding a free port and using it, somebody else may take it."""
MAX_SOCKET_PATH = 100  # the kernel takes 107 bytes

CONFIGURATION = """\
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=local Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


class LocalSlurmError(Exception):
    """SLURM cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class Programs:
    """Where the daemons are.

    Attributes:
        root: ``/``, or the folder that the packages are unpacked in.
    """

    root: Path = Path("/")

    def missing(self) -> list[str]:
        """Names of daemons and clients that are not there."""
        daemons = [name for name in ("slurmctld", "slurmd", "slurmstepd", "munged") if self._daemon(name) is None]
        return daemons + [name for name in CLIENTS if not (self.root / "usr/bin" / name).exists()]

    def daemon(self, name: str) -> Path:
        """Path of a daemon that is there."""
        path = self._daemon(name)
        assert path is not None, name
        return path

    def _daemon(self, name: str) -> Path | None:
        # Debian's programs end in -wlm; the plain name is a link that only installing makes.
        paths = (self.root / "usr/sbin" / file for file in (f"{name}-wlm", name))
        return next((path for path in paths if path.exists()), None)

    @property
    def plugins(self) -> Path | None:
        """Folder of SLURM's plugins."""
        return next((self.root / "usr/lib").glob("*/slurm-wlm"), None)

    def environment(self, folder: Path) -> dict[str, str]:
        """What a shell needs so that sbatch and the other programs find this SLURM."""
        settings = {"SLURM_CONF": str(folder / "slurm.conf")}
        if self.root != Path("/") and self.plugins is not None:
            settings["LD_LIBRARY_PATH"] = f"{self.plugins.parent}:{self.plugins}"
            settings["PATH"] = f"{self.root}/usr/bin:{os.environ.get('PATH', '')}"
        return settings


def missing_message(programs: Programs) -> str:
    """One line: which programs are missing and the command that installs them; empty if SLURM can be started."""
    if missing := programs.missing():
        place = "" if programs.root == Path("/") else f" in {programs.root}"
        return f"no SLURM on this machine ({', '.join(missing)} not found{place}); as root: {INSTALL}"
    return "" if programs.plugins is not None else f"no plugins of SLURM (slurm-wlm-basic-plugins); as root: {INSTALL}"


def start(folder: Path, programs: Programs, cpus: int, memory: int, *, end_with_parent: bool = False) -> dict[str, str]:
    """Start the daemons and wait until the node is idle; returns the environment to use.

    Args:
        folder: for keys, sockets, states and logs; must be empty or from a SLURM that was stopped.
        programs: the installed or unpacked ones.
        cpus: that SLURM may give to jobs; more than the machine has is allowed.
        memory: in MB, likewise.
        end_with_parent: the daemons end when this process ends, however that happens.

    Raises:
        LocalSlurmError: programs are missing, one is running here already, or the daemons do not come up.
    """
    folder = folder.absolute()
    if message := missing_message(programs):
        raise LocalSlurmError(message)
    if _living(folder):
        raise LocalSlurmError(f"{folder}: a SLURM runs here already; stop it first")
    if len(str(folder / "munge.sock")) > MAX_SOCKET_PATH:
        raise LocalSlurmError(f"{folder}: the path is too long for a socket; choose a shorter one")
    for attempt in range(1, TRIES + 1):
        _prepare(folder, programs, cpus, memory)
        try:
            _start_daemons(folder, programs, end_with_parent)
            return programs.environment(folder)
        except LocalSlurmError:
            stop(folder)
            if attempt == TRIES:
                raise
        except BaseException:  # killed while it starts: leave nothing behind
            stop(folder)
            raise
    raise AssertionError("unreachable")


def stop(folder: Path) -> None:
    """End the daemons that `start` started and the processes of their jobs; nothing happens if none runs."""
    folder = folder.absolute()
    for name in ("slurmctld", "slurmd", "munged"):
        if (pid := _living(folder).get(name)) is not None:
            _end(pid, signal.SIGTERM, signal.SIGKILL)
    # slurmd leaves the processes of running jobs alone when it ends, and slurmstepd takes no SIGTERM.
    for pid in _job_processes(folder):
        _end(pid, signal.SIGKILL)
    (folder / "pids.json").unlink(missing_ok=True)


def environment(folder: Path) -> dict[str, str]:
    """What `start` returned."""
    try:
        settings: dict[str, str] = json.loads((folder.absolute() / "environment.json").read_text())
    except FileNotFoundError as error:
        raise LocalSlurmError(f"{folder}: no SLURM was started here") from error
    return settings


@contextlib.contextmanager
def running(folder: Path, programs: Programs, cpus: int = 2, memory: int = 4000) -> Iterator[dict[str, str]]:
    """A SLURM while inside, which also ends if this process is killed; gives the environment to use."""
    try:
        yield start(folder, programs, cpus, memory, end_with_parent=True)
    finally:
        stop(folder)


def unpack(folder: Path) -> None:
    """Download the packages and their libraries and unpack them; nothing is installed."""
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *PACKAGES, *LIBRARIES], cwd=debs, check=True)
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", deb, folder], check=True)


def _prepare(folder: Path, programs: Programs, cpus: int, memory: int) -> None:
    for part in ("state", "spool"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    for log in folder.glob("*.log"):
        log.unlink()
    key = folder / "munge.key"
    key.unlink(missing_ok=True)
    key.touch(mode=0o400)
    key.chmod(0o600)
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    with socket.socket() as controller, socket.socket() as node:
        controller.bind(("127.0.0.1", 0))
        node.bind(("127.0.0.1", 0))
        ports = controller.getsockname()[1], node.getsockname()[1]
    text = CONFIGURATION.format(
        controller_port=ports[0],
        node_port=ports[1],
        user=pwd.getpwuid(os.getuid()).pw_name,
        folder=folder,
        plugins=programs.plugins,
        cpus=cpus,
        memory=memory,
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "environment.json").write_text(json.dumps(programs.environment(folder), indent=2) + "\n")


def _start_daemons(folder: Path, programs: Programs, end_with_parent: bool) -> None:
    own = programs.environment(folder)
    settings = {**os.environ, **own}
    munge = [
        "--key-file",
        "munge.key",
        "--socket",
        "munge.sock",
        "--pid-file",
        "munged.pid",
        "--seed-file",
        "munge.seed",
    ]
    munge = [str(folder / word) if not word.startswith("-") else word for word in munge]
    commands: dict[str, list[str | Path]] = {
        "munged": [programs.daemon("munged"), "--force", "--foreground", *munge],
        "slurmctld": [programs.daemon("slurmctld"), "-D", "-c"],
        "slurmd": [programs.daemon("slurmd"), "-D", "-N", "localhost", "-d", programs.daemon("slurmstepd")],
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    deadline = time.monotonic() + START_SECONDS
    for name, command in commands.items():
        with (folder / f"{name}.out.log").open("wb") as log:
            processes[name] = subprocess.Popen(
                command,
                env=settings,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent if end_with_parent else None,
            )
        (folder / "pids.json").write_text(json.dumps({key: process.pid for key, process in processes.items()}))
        while name == "munged" and not (folder / "munge.sock").exists():
            _check(folder, processes, deadline)
    while _node_state(settings) != "idle":
        _check(folder, processes, deadline)


def _check(folder: Path, processes: Mapping[str, subprocess.Popen[bytes]], deadline: float) -> None:
    """Wait a little; raises if a daemon has ended or the time is over."""
    time.sleep(0.05)
    dead = [name for name, process in processes.items() if process.poll() is not None]
    if dead or time.monotonic() > deadline:
        what = f"{dead[0]} ended" if dead else f"the node is not idle after {START_SECONDS:.0f} s"
        names = dead or list(processes)
        logs = [path for name in names for path in (folder / f"{name}.log", folder / f"{name}.out.log")]
        tails = [f"--- {path}\n{path.read_text(errors='replace')[-1500:]}" for path in logs if path.exists()]
        raise LocalSlurmError("\n".join([f"{folder}: {what}", *tails]))


def _node_state(settings: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(["sinfo", "-h", "-o", "%t"], env=settings, capture_output=True, text=True, timeout=5)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _living(folder: Path) -> dict[str, int]:
    """The daemons of this folder that run, with their process numbers (a number can be another program's by now)."""
    try:
        pids: dict[str, int] = json.loads((folder / "pids.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: pid for name, pid in pids.items() if name in _command(pid) and _uses(folder, pid)}


def _job_processes(folder: Path) -> list[int]:
    """Processes of this SLURM's jobs: they have its configuration and a job in their environment."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        pid for pid in pids if _uses(folder, pid) and ("slurmstepd" in _command(pid) or _variable(pid, "SLURM_JOB_ID"))
    ]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _uses(folder: Path, pid: int) -> bool:
    return _variable(pid, "SLURM_CONF") == str(folder / "slurm.conf")


def _variable(pid: int, name: str) -> str:
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    prefix = f"{name}=".encode()
    return next((entry[len(prefix) :].decode(errors="replace") for entry in entries if entry.startswith(prefix)), "")


def _end(pid: int, *signals: signal.Signals) -> None:
    """Send each signal in turn until the process has ended."""
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS / 2
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # a child of this process stays a zombie until it is asked for
            if not _command(pid):
                return
            time.sleep(0.02)


def _shell(settings: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items())


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("start", "stop", "env", "unpack"))
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--packages", type=Path, default=Path("/"), help="folder that `unpack` was given")
    parser.add_argument("--cpus", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory", type=int, default=4000, help="MB that jobs may ask for together")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        match arguments.action:
            case "start":
                programs = Programs(arguments.packages.absolute())
                print(_shell(start(arguments.folder, programs, arguments.cpus, arguments.memory)))
            case "stop":
                stop(arguments.folder)
            case "env":
                print(_shell(environment(arguments.folder)))
            case "unpack":
                unpack(arguments.folder)
    except LocalSlurmError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
