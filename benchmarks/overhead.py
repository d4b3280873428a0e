"""What a request pays."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.callgrind import instructions
from measuring.doors import CASES, DOORS
from measuring.subjects import REQUIREMENTS
from measuring.workers import Job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--only", default=",".join(REQUIREMENTS))
    parser.add_argument("--door", choices=DOORS, action="append")
    parser.add_argument("--case", choices=CASES, default="plain")
    options = parser.parse_args()
    for door in options.door or DOORS:
        bare = instructions(Job("bare", door, options.case))
        floor = instructions(Job("floor", door, options.case)) - bare
        print(f"{door} bare {bare:.0f} floor {floor:.0f}", flush=True)
        for subject in options.only.split(","):
            cost = instructions(Job(subject, door, options.case)) - bare
            print(f"{door} {subject} {cost:.0f} {cost / floor:.2f}", flush=True)


main()
