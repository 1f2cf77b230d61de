"""The machine under the figures: cores, kernel, who else used it meanwhile.

Never changes anything on it.
"""

import os
import platform
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cores():
    """Cores of the contender, and cores of load and mock. With one core they share it."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[:1], usable[1:] or usable[:1]


def description():
    """What readers must know to repeat the run."""
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
    }


class Watch:
    """Looks at /proc/stat from its making to `figures`."""

    def __init__(self):
        self.load_per_core = os.getloadavg()[0] / len(os.sched_getaffinity(0))
        self.begin = self._stat()
        self.begun = time.monotonic()

    @staticmethod
    def _stat():
        with open("/proc/stat", encoding="utf-8") as stat:
            numbers = [int(field) for field in stat.readline().split()[1:9]]
        user, nice, system, idle, iowait, irq, softirq, steal = numbers
        busy = user + nice + system + irq + softirq
        return busy, steal, busy + idle + iowait + steal

    def figures(self, own_cpu_s):
        """`own_cpu_s`: CPU time of all processes of this run; the rest of the busy time is foreign."""
        busy, steal, total = (now - then for now, then in zip(self._stat(), self.begin, strict=True))
        elapsed = max(time.monotonic() - self.begun, 1e-9)
        return {
            "load_per_core": self.load_per_core,
            "steal": steal / total if total else 0.0,
            "foreign": max(busy / TICKS - own_cpu_s, 0.0) / elapsed,
        }


def cpu_seconds(pids):
    """CPU time of living processes, all threads included."""
    total = 0.0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total
