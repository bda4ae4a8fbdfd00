"""Verifies exports of the audit by docs/audit.md; for each three files: records, checkpoints, public key in PEM."""

import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def lines(path):
    for line in open(path, encoding="utf-8", newline="\n"):
        value = json.loads(line)
        if json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" != line:
            sys.exit(f"not canonical: {line!r}")
        yield value


def digest(record, seq):
    event = json.dumps(record["event"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    place = seq.to_bytes(8, "big") + record["time"].to_bytes(8, "big", signed=True) + bytes.fromhex(record["previous"])
    return hashlib.sha256(b"profile signer audit record 1\n" + place + len(event).to_bytes(8, "big") + event).hexdigest()


def holds(record, seq):
    return digest(record, seq) == record["hash"]


def diagnose(seq, previous, covered, found, rest):
    """The first record that is not as it was written, where the one of number `seq` should stand."""
    if found["seq"] < seq:
        return found["seq"], "inserted"
    if found["seq"] > seq:
        return seq, "swapped" if any(record["seq"] == seq for record in rest) else "removed"
    if holds(found, seq):
        return seq - 1 if seq - 1 > covered else seq, "edited"
    true_one = (record for record in rest if record["previous"] == previous and holds(record, seq))
    follows, home = rest[:1], next(true_one, None)
    if holds(found, seq + 1):
        return seq, "removed" if home is None else "swapped"
    if home is None:
        return seq, "edited"
    swapped = [home] != [record for record in follows if record["seq"] == seq] and holds(found, home["seq"])
    return seq, "swapped" if swapped else "inserted"


def verify(records, checkpoints, key):
    name = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    for point in checkpoints:
        signed = point["seq"].to_bytes(8, "big") + point["time"].to_bytes(8, "big", signed=True) + bytes.fromhex(point["hash"])
        try:
            key.verify(bytes.fromhex(point["signature"]), b"profile signer audit checkpoint 1\n" + signed)
        except InvalidSignature:
            return point["seq"], "bad checkpoint"
        if point["key"] != name:
            return point["seq"], "bad checkpoint"
    seq, previous, covered = 0, "0" * 64, 0
    for place, record in enumerate(records):
        if record["seq"] != seq + 1 or record["previous"] != previous or not holds(record, record["seq"]):
            return diagnose(seq + 1, previous, covered, record, records[place + 1 :])
        seq, previous = record["seq"], record["hash"]
        for point in (point for point in checkpoints if point["seq"] == seq):
            if point["hash"] != previous:
                return seq, "rewritten"
            covered = seq
    return (seq + 1, "cut off") if any(point["seq"] > seq for point in checkpoints) else (seq, "holds")


faults = []
for records, checkpoints, key in zip(*[iter(sys.argv[1:])] * 3):
    key = load_pem_public_key(open(key, "rb").read())
    faults.append(verify(list(lines(records)), list(lines(checkpoints)), key))
    print(*faults[-1])
sys.exit(any(word != "holds" for _, word in faults))
