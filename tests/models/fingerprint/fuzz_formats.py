"""Feed damaged minutiae records to the readers until the time is over.

    python -m tests.models.fingerprint.fuzz_formats --seconds 600 --seed 1 [--samples FOLDER]

Damages random records of every edition (and the files of a folder of samples). A finding is any exception other than
those of the format, an input that takes over a second, or a record that is read but does not survive being laid out
and read again. Prints the count and the findings; exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from models.errors import MalformedTemplate, UnsupportedTemplate
from models.fingerprint import formats
from models.fingerprint.formats import Record, convert
from models.fingerprint.formats.card import MinutiaOrder, read_compact, read_normal
from models.fingerprint.minutiae import normalise
from tests.models.fingerprint.record_bytes import RECORDS, WRITTEN, mutate, random_record, record_bytes

SLOW = 1.0  # seconds for one input
HANG = 120.0
MOST_FINDINGS = 20


def check(unverified: bytes, random: Random) -> str:
    """Read the bytes as a record, then as card minutiae; return how the record ended.

    Raises:
        Exception: whatever a reader lets through; AssertionError if reading and writing disagree.
    """
    octet = random.randrange(64)
    for read_card in (read_normal, read_compact):
        try:
            normalise_all(convert.to_iso2005(read_card(unverified, order=MinutiaOrder.from_octet(octet))))
        except (MalformedTemplate, UnsupportedTemplate):
            continue
    try:
        record = formats.read_record(unverified)
    except MalformedTemplate as error:
        if not 0 <= error.offset <= len(unverified):
            raise AssertionError(f"offset {error.offset} lies outside {len(unverified)} bytes") from error
        return "malformed"
    except UnsupportedTemplate:
        return "unsupported"
    check_again(record)
    return str(record.format)


def check_again(record: Record) -> None:
    """What was read must come back from the same layout, and every step that follows must take it or refuse it."""
    if formats.read_record(record_bytes(record)) != record:
        raise AssertionError("the record does not survive being laid out and read again")
    if record.format in WRITTEN and formats.write_record(record) != record_bytes(record):
        raise AssertionError("the record is written otherwise than the standard lays it out")
    newer = convert.to_iso2011(record)
    if formats.read_record(formats.write_record(newer)) != newer:
        raise AssertionError("the converted record does not come back")
    normalise_all(record)


def normalise_all(record: Record) -> None:
    angle_units = record.angle_units
    for view in record.views:
        sampling = record.sampling(view)
        try:
            normalise(view, sampling.x_resolution, sampling.y_resolution, angle_units)
        except MalformedTemplate:
            continue


def next_input(random: Random, samples: list[bytes]) -> bytes:
    """A damaged record; now and then an undamaged one, to see that the good ones are still read."""
    unverified, other = (
        random.choice(samples) if samples and random.randrange(2) else generated(random) for _ in range(2)
    )
    for _ in range(random.choice([0, 1, 1, 1, 2, 3, 5])):
        unverified = mutate(random, unverified, other)
    return unverified


def generated(random: Random) -> bytes:
    return record_bytes(random_record(random, random.choice(RECORDS), extended=random.randrange(2) == 1))


def run(seconds: float, seed: int, samples: list[bytes]) -> tuple[Counter[str], list[str]]:
    """Fuzz for so many seconds of processor time; return how the inputs ended and the findings."""
    random, outcomes, findings = Random(seed), Counter[str](), list[str]()
    end = time.process_time() + seconds
    while (start := time.process_time()) < end and len(findings) < MOST_FINDINGS:
        if outcomes.total() % 1000 == 0:
            faulthandler.dump_traceback_later(HANG, exit=True)
        unverified = next_input(random, samples)
        try:
            outcomes[check(unverified, random)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we are looking for
            outcomes["finding"] += 1
            findings.append(f"{error!r} from {unverified.hex()}")
        if time.process_time() - start > SLOW:
            findings.append(f"over {SLOW} seconds for {unverified.hex()}")
    faulthandler.cancel_dump_traceback_later()
    return outcomes, findings


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="folder whose .dat and .iso files are damaged, too")
    arguments = parser.parse_args()
    paths = sorted(arguments.samples.rglob("*")) if arguments.samples else []
    samples = [path.read_bytes() for path in paths if path.suffix in {".dat", ".iso"}]
    outcomes, findings = run(arguments.seconds, arguments.seed, samples)
    lines = [f"seed {arguments.seed}: {outcomes.total():,} inputs from {len(samples)} samples and generated records"]
    lines += [f"  {count:>12,} {outcome}" for outcome, count in outcomes.most_common()]
    lines += [f"finding: {finding}" for finding in findings] or ["no finding"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
